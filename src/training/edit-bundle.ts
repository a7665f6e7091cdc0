import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import type { BundleManifest } from "../contracts/model-bundle.ts";
import { decodeImage } from "../imaging/decode-image.ts";
import { MODEL_FILE, openBundle } from "../pipeline/infer/open-bundle.ts";
import { goldenScores } from "./golden-frames.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import { type CardSection, replaceSection } from "./replace-section.ts";
import { CHECKPOINT_FILE, HUB_FILES, TRAINING_FILES, writeBundle } from "./write-bundle.ts";

export const CARD_FILE = "MODEL_CARD.md";

/** A whole bundle in memory: the files the manifest lists, and those that stay with the hub where they are there. */
export interface EditableBundle {
  readonly manifest: BundleManifest;
  /** Path inside the bundle, with forward slashes, to content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Throws SightlineError BUNDLE_INVALID with one sentence that names the file and what is wrong with it. */
export async function readBundle(path: string): Promise<EditableBundle> {
  const { directoryPath, manifest } = await openBundle(path);
  const hubFiles = HUB_FILES.filter((name) => existsSync(join(directoryPath, name)));
  const files = new Map<string, Uint8Array>();
  for (const name of [...Object.keys(manifest.files), ...hubFiles]) {
    files.set(name, await readFile(join(directoryPath, name)));
  }
  return { manifest, files };
}

/** One file of a bundle that must be there. */
export function bundleFile({ files, manifest }: EditableBundle, name: string): Uint8Array {
  const content = files.get(name);
  if (content === undefined) throw new SightlineError("BUNDLE_INVALID", `the bundle ${manifest.name} has no ${name}`);
  return content;
}

/** SHA-256 of the files a model was trained or stopped on; empty where the bundle does not say. */
export function trainingFilesOf({ files }: EditableBundle): ReadonlySet<string> {
  const lines = new TextDecoder().decode(files.get(TRAINING_FILES)).split("\n");
  return new Set(lines.map((line) => line.trim()).filter((line) => line !== ""));
}

export interface BundleChanges {
  /** ONNX file that devices run. */
  readonly model?: Uint8Array;
  /** float32, stays with the hub. */
  readonly checkpoint?: Uint8Array;
  /** Replace the fields of the manifest; `files`, and `golden` of a changed model, are made anew in any case. */
  readonly manifest?: Partial<Omit<BundleManifest, "files">>;
  /** Joined to provenance.metrics, key by key. */
  readonly metrics?: Readonly<Record<string, unknown>>;
  /** Sections of the model card, replaced by heading or appended. */
  readonly card?: readonly CardSection[];
}

/**
 * Writes a changed bundle in one step (write-bundle.ts); `path` may be the bundle's own folder. Another model gets
 * its own scores of the golden frames, and loses the old certificate unless the changes bring one.
 */
export async function rewriteBundle(
  path: string,
  bundle: EditableBundle,
  changes: BundleChanges,
  runtime: OnnxProcess,
): Promise<BundleManifest> {
  const { files: listed, ...kept } = bundle.manifest;
  const files = new Map<string, Uint8Array | string>(bundle.files);
  if (changes.checkpoint !== undefined) files.set(CHECKPOINT_FILE, changes.checkpoint);
  const changed = { ...kept, ...changes.manifest };
  const { model } = changes;
  if (model !== undefined) {
    files.set(MODEL_FILE, model);
    changed.golden = await newGolden(model, { manifest: { ...changed, files: listed }, files: bundle.files }, runtime);
    changed.certificate = changes.manifest?.certificate ?? null;
  }
  const metrics = { ...changed.provenance.metrics, ...changes.metrics };
  if (changes.card !== undefined) files.set(CARD_FILE, editedCard(bundle, changes.card));
  return writeBundle(path, { ...changed, provenance: { ...changed.provenance, metrics } }, files);
}

async function newGolden(
  model: Uint8Array,
  bundle: EditableBundle,
  runtime: OnnxProcess,
): Promise<BundleManifest["golden"]> {
  const { classes, golden, input } = bundle.manifest;
  const size = { widthPx: input.width, heightPx: input.height };
  await runtime.load(model);
  const scored: BundleManifest["golden"] = [];
  for (const { file } of golden) {
    const decoded = await decodeImage(bundleFile(bundle, file));
    if (!decoded.ok)
      throw new SightlineError("BUNDLE_INVALID", `${file} of ${bundle.manifest.name}: ${decoded.detail}`);
    scored.push({ file, scores: await goldenScores(runtime, decoded.image, { classes, size }) });
  }
  return scored;
}

function editedCard({ files, manifest }: EditableBundle, sections: readonly CardSection[]): string {
  const card = files.get(CARD_FILE);
  const text = card === undefined ? `# ${manifest.name} ${manifest.version}\n` : new TextDecoder().decode(card);
  return sections.reduce(replaceSection, text);
}
