import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { BundleManifest } from "../../../src/contracts/model-bundle.ts";
import { TINY_BUNDLE } from "./tiny-bundle-path.ts";

type Editable<T> = { -readonly [K in keyof T]: Editable<T[K]> };

interface Edits {
  /** Changes the manifest in place. */
  manifest?(manifest: Editable<BundleManifest>): void;
  /** New bytes of model.onnx, listed with their true size and hash. */
  model?(bytes: Buffer): Buffer;
}

/** A copy of the tiny bundle with edits, removed when the test ends. */
export async function editedBundle(edits: Edits = {}): Promise<string> {
  const directoryPath = await mkdtemp(join(tmpdir(), "sightline-bundle-"));
  onTestFinished(() => rm(directoryPath, { recursive: true, force: true }));
  await cp(TINY_BUNDLE, directoryPath, { recursive: true });
  const manifestPath = join(directoryPath, "manifest.json");
  const manifest = JSON.parse(await readFile(manifestPath, "utf8"));
  if (edits.model !== undefined) {
    const bytes = edits.model(await readFile(join(directoryPath, "model.onnx")));
    await writeFile(join(directoryPath, "model.onnx"), bytes);
    manifest.files["model.onnx"] = { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
  }
  edits.manifest?.(manifest);
  await writeFile(manifestPath, JSON.stringify(manifest));
  return directoryPath;
}

/** The model with every occurrence of `from` replaced by `to`, which has the same length. */
export function replaceBytes(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  let found = 0;
  for (let at = copy.indexOf(from); at >= 0; at = copy.indexOf(from, at + to.length)) {
    to.copy(copy, at);
    found++;
  }
  if (found === 0 || from.length !== to.length) throw new Error("nothing was replaced");
  return copy;
}
