import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import { CHECKPOINT_FILE, MANIFEST_FILE, placeModel } from "../models/model-store.ts";
import { modelById } from "../models/model-versions.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";

export interface BaseParts {
  readonly database: Database;
  readonly models: Pick<ObjectStore, "get">;
  /** Folder of bundles and ONNX files; undefined: none. */
  readonly bases: string | undefined;
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Names of what a training may start from, besides the hub's own models. */
export async function listBases(folder: string | undefined): Promise<string[]> {
  if (folder === undefined) return [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.isFile() && entry.name.endsWith(".onnx")) names.push(entry.name);
    else if (entry.isDirectory() && (await readdir(join(folder, entry.name))).includes(CHECKPOINT_FILE)) {
      names.push(entry.name);
    }
  }
  return names.sort();
}

/** What `train --base` takes for a base's name. Model versions are written into `folder`. Throws UNKNOWN_MODEL. */
export async function placeBase(parts: BaseParts, base: string, folder: string): Promise<string> {
  if (ID.test(base)) {
    const wanted = (name: string): boolean => name === MANIFEST_FILE || name === CHECKPOINT_FILE;
    await placeModel(parts, base, folder, wanted);
    return folder;
  }
  if (parts.bases === undefined || !(await listBases(parts.bases)).includes(base)) {
    throw new SightlineError(
      "UNKNOWN_MODEL",
      `there is no base "${base}" on this machine; see training.bases of the hub`,
    );
  }
  return join(parts.bases, base);
}

/** Null where it can be trained from; else why not, as a sentence. */
export async function baseFault(parts: BaseParts, base: string, project: string): Promise<string | null> {
  if (!ID.test(base)) {
    const known = await listBases(parts.bases);
    if (known.includes(base)) return null;
    return `There is no base "${base}"; there are ${known.join(", ") || "none: set training.bases in the hub's configuration"}.`;
  }
  const model = await modelById(parts.database, base);
  if (model === null || model.project !== project) return `This project has no model version ${base}.`;
  const checkpoint = await parts.database.query
    .selectFrom("model_files")
    .select("sha256")
    .where("model_id", "=", base)
    .where("name", "=", CHECKPOINT_FILE)
    .executeTakeFirst();
  return checkpoint !== undefined
    ? null
    : `${model.name} ${model.version} has no ${CHECKPOINT_FILE}, so that nothing can be trained from it.`;
}

/** The model version that a base is, for the line of descent. */
export const parentOf = (base: string): string | null => (ID.test(base) ? base : null);
