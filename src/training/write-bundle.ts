import { createHash } from "node:crypto";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { BundleManifest } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import { syncDirectory } from "../platform/durable-file.ts";

/** Path inside the bundle, with forward slashes, to content. */
export type BundleFiles = ReadonlyMap<string, Uint8Array | string>;

export const CHECKPOINT_FILE = "checkpoint.onnx";
/** SHA-256 of every image the model was trained or stopped on, sorted, one a line: these must not certify it. */
export const TRAINING_FILES = "training-files.txt";
/** The held-out parts' figures and worst mistakes as a page. */
export const REPORT_FILE = "report.html";
/** Stay with the hub: written beside the device's files but not listed in the manifest; devices need not carry them. */
export const HUB_FILES: readonly string[] = [CHECKPOINT_FILE, TRAINING_FILES, REPORT_FILE];

/**
 * Writes a bundle in one step: into a folder beside `path`, every file synced, then renamed. A bundle that was there is
 * replaced; after a crash the old or the new one is there, whole. `manifest.files` is filled in here.
 */
export async function writeBundle(
  path: string,
  manifest: Omit<BundleManifest, "files">,
  files: BundleFiles,
): Promise<BundleManifest> {
  const target = resolve(path);
  const partPath = `${target}.part`;
  await rm(partPath, { recursive: true, force: true });
  const listed: BundleManifest["files"] = {};
  const folders = new Set<string>([partPath]);
  for (const [name, content] of files) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    folders.add(dirname(join(partPath, name)));
    await writeSynced(join(partPath, name), bytes);
    if (!HUB_FILES.includes(name)) {
      listed[name] = { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
    }
  }
  const whole = BundleManifest.parse({ ...manifest, files: listed });
  await writeSynced(join(partPath, "manifest.json"), new TextEncoder().encode(`${JSON.stringify(whole, null, 2)}\n`));
  for (const folder of folders) await syncDirectory(folder);
  await replaceFolder(partPath, target);
  return whole;
}

/** Refuses to replace a folder that holds something other than a bundle. */
export function assertReplaceable(path: string, entries: readonly string[]): void {
  if (entries.length === 0 || entries.includes("manifest.json")) return;
  throw new SightlineError("USAGE", `${path} holds files that are no model bundle; give --out a new folder`);
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function replaceFolder(partPath: string, target: string): Promise<void> {
  const oldPath = `${target}.old`;
  await rm(oldPath, { recursive: true, force: true });
  await rename(target, oldPath).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await rename(partPath, target);
  await syncDirectory(dirname(target));
  await rm(oldPath, { recursive: true, force: true });
}
