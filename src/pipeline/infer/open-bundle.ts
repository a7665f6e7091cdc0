import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import { BundleManifest } from "../../contracts/model-bundle.ts";
import type { ModelBundle } from "./inference-engine.ts";

export const MANIFEST_FILE = "manifest.json";
export const MODEL_FILE = "model.onnx";
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

/**
 * Reads a bundle's manifest and compares size and SHA-256 of every file it lists with the disk. The graph itself is
 * compared with the manifest where a session is made of it.
 * Throws SightlineError BUNDLE_INVALID: one sentence that names the file and what is wrong with it.
 */
export async function openBundle(directoryPath: string): Promise<ModelBundle> {
  const root = resolve(directoryPath);
  const manifest = await readManifest(root);
  checkClasses(manifest, root);
  checkFileNames(manifest, root);
  checkGolden(manifest, root);
  for (const [name, listed] of Object.entries(manifest.files)) await checkFile(join(root, name), listed);
  const model = manifest.files[MODEL_FILE];
  if (model === undefined) throw refused(join(root, MANIFEST_FILE), `does not list ${MODEL_FILE}`);
  return { directoryPath: root, manifest, modelSha256: model.sha256 };
}

const refused = (path: string, what: string, cause?: unknown): SightlineError =>
  new SightlineError("BUNDLE_INVALID", `${path} ${what}`, { cause });

async function readManifest(root: string): Promise<BundleManifest> {
  const path = join(root, MANIFEST_FILE);
  const status = await regularFile(path);
  if (status.size > MAX_MANIFEST_BYTES) throw refused(path, `is ${status.size} bytes long, more than any manifest is`);
  const parsed = BundleManifest.safeParse(parseJson(await readFile(path, "utf8"), path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join(".") ?? "";
  const at = where === "" ? "" : ` at ${where}`;
  throw refused(path, `does not fit the bundle schema${at}: ${issue?.message ?? "unknown"}`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refused(path, `is not JSON: ${messageOf(error)}`, error);
  }
}

function checkClasses({ classes }: BundleManifest, root: string): void {
  const path = join(root, MANIFEST_FILE);
  for (const kind of ["good", "defect"] as const) {
    if (!classes.some((each) => each.kind === kind)) throw refused(path, `has no class of kind ${kind}`);
  }
  const repeated = classes.find((each, at) => classes.findIndex((other) => other.name === each.name) !== at);
  if (repeated !== undefined) throw refused(path, `names the class ${repeated.name} twice`);
}

/** Names stay below the bundle's folder on every system: plain parts joined by single slashes, none of them dots. */
function checkFileNames({ files }: BundleManifest, root: string): void {
  for (const name of Object.keys(files)) {
    const plain = name.split("/").every((part) => /^[^\\/:\0]+$/.test(part) && part !== "." && part !== "..");
    if (plain) continue;
    throw refused(join(root, MANIFEST_FILE), `lists ${JSON.stringify(name)}, which is not a name inside the bundle`);
  }
}

function checkGolden({ golden, classes, files }: BundleManifest, root: string): void {
  const path = join(root, MANIFEST_FILE);
  const names = classes
    .map((each) => each.name)
    .sort()
    .join(", ");
  for (const frame of golden) {
    if (files[frame.file] === undefined) {
      throw refused(path, `expects scores of ${frame.file} but does not list that file`);
    }
    const scored = Object.keys(frame.scores).sort().join(", ");
    if (scored !== names) throw refused(path, `scores ${frame.file} for ${scored || "no class"} instead of ${names}`);
  }
}

async function checkFile(path: string, listed: { sha256: string; bytes: number }): Promise<void> {
  const { size } = await regularFile(path);
  if (size !== listed.bytes) {
    throw refused(path, `is ${size} bytes long instead of the ${listed.bytes} in the manifest`);
  }
  const sha256 = await sha256OfFile(path);
  if (sha256 !== listed.sha256) {
    throw refused(path, `has SHA-256 ${sha256} instead of ${listed.sha256}: it was changed or damaged since`);
  }
}

async function regularFile(path: string): Promise<{ size: number }> {
  const status = await lstat(path).catch((error: unknown) => {
    throw refused(path, `cannot be read: ${messageOf(error)}`, error);
  });
  if (!status.isFile()) throw refused(path, "is not a regular file");
  return status;
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash).catch((error: unknown) => {
    throw refused(path, `cannot be read: ${messageOf(error)}`, error);
  });
  return hash.digest("hex");
}
