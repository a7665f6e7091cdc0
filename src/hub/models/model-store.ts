import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { createHash } from "node:crypto";
import { dirname, join, resolve, sep } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { SightlineError } from "../../contracts/errors.ts";
import { BundleManifest } from "../../contracts/model-bundle.ts";
import type { Database } from "../store/database.ts";
import type { HashedFile, ObjectStore } from "../store/object-store.ts";

export const MANIFEST_FILE = "manifest.json";
export const MODEL_FILE = "model.onnx";
export const CHECKPOINT_FILE = "checkpoint.onnx";
export const TRAINING_FILES = "training-files.txt";
/** Beside a bundle, not listed in its manifest: devices do not carry them. */
const HUB_FILES = [CHECKPOINT_FILE, TRAINING_FILES, "report.html"] as const;

export interface BundleFile extends HashedFile {
  readonly name: string;
}

export interface ReadBundle {
  readonly manifest: BundleManifest;
  readonly modelSha256: string;
  /** manifest.json included, and what stays with the hub. */
  readonly files: readonly BundleFile[];
}

/** A bundle's manifest and files, every hash taken anew. Throws BUNDLE_INVALID with the file and what is wrong. */
export async function readBundleFolder(folder: string): Promise<ReadBundle> {
  const manifestPath = join(folder, MANIFEST_FILE);
  const text = await readFile(manifestPath, "utf8").catch(() => {
    throw new SightlineError("BUNDLE_INVALID", `${manifestPath} cannot be read`);
  });
  const parsed = BundleManifest.safeParse(parseOrNull(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new SightlineError("BUNDLE_INVALID", `${manifestPath} at ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const files: BundleFile[] = [await hashed(folder, MANIFEST_FILE)];
  for (const [name, listed] of Object.entries(parsed.data.files)) {
    const file = await hashed(folder, name);
    if (file.sha256 !== listed.sha256 || file.bytes !== listed.bytes) {
      throw new SightlineError("BUNDLE_INVALID", `${file.path} is not the file that the manifest lists`);
    }
    files.push(file);
  }
  for (const name of HUB_FILES) if (existsSync(join(folder, name))) files.push(await hashed(folder, name));
  const model = files.find(({ name }) => name === MODEL_FILE);
  if (model === undefined) throw new SightlineError("BUNDLE_INVALID", `${folder} has no ${MODEL_FILE}`);
  return { manifest: parsed.data, modelSha256: model.sha256, files };
}

async function hashed(folder: string, name: string): Promise<BundleFile> {
  const path = resolve(folder, name);
  if (!path.startsWith(resolve(folder) + sep)) {
    throw new SightlineError("BUNDLE_INVALID", `${name} lies outside of the bundle`);
  }
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const piece of createReadStream(path)) {
      const chunk = piece as Buffer;
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    throw new SightlineError("BUNDLE_INVALID", `${path} is listed in the manifest but cannot be read`, { cause: error });
  }
  return { name, path, bytes, sha256: hash.digest("hex") };
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Keeps a bundle's bytes. Before the row that names them, so that no row is ever without its files. */
export async function keepFiles(store: ObjectStore, files: readonly BundleFile[]): Promise<void> {
  for (const file of files) await store.put(file);
}

/** Writes a model version's files into a folder, each checked against its hash. Throws UNKNOWN_MODEL, OBJECT_DAMAGED. */
export async function placeModel(
  { database, models }: { readonly database: Database; readonly models: Pick<ObjectStore, "get"> },
  modelId: string,
  folder: string,
  wanted: (name: string) => boolean = () => true,
): Promise<void> {
  const files = await database.query.selectFrom("model_files").selectAll().where("model_id", "=", modelId).execute();
  if (files.length === 0) throw new SightlineError("UNKNOWN_MODEL", `the hub has no model version ${modelId}`);
  for (const { name, sha256 } of files.filter((file) => wanted(file.name))) {
    const bytes = await models.get(sha256);
    if (bytes === null) {
      throw new SightlineError("OBJECT_DAMAGED", `${name} of model version ${modelId} is lost (${sha256})`);
    }
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await pipeline(bytes, createWriteStream(`${path}.part`));
    await rename(`${path}.part`, path);
  }
}

/** SHA-256 of the images a model version was trained or stopped on, as far as its bundle tells. */
export async function trainingImages(
  { database, models }: { readonly database: Database; readonly models: Pick<ObjectStore, "get"> },
  modelId: string,
): Promise<string[]> {
  const row = await database.query
    .selectFrom("model_files")
    .select("sha256")
    .where("model_id", "=", modelId)
    .where("name", "=", TRAINING_FILES)
    .executeTakeFirst();
  const bytes = row === undefined ? null : await models.get(row.sha256);
  if (bytes === null) return [];
  return (await text(bytes)).split("\n").flatMap((line) => (line.trim() === "" ? [] : line.trim()));
}
