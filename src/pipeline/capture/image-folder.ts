import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";

const IMAGE_NAME = /\.(jpe?g|png|bmp|tiff?|webp)$/i;
const naturally = new Intl.Collator("en", { numeric: true });

/** A folder, or a single image in its folder. */
export interface ImageRoot {
  readonly folder: string;
  readonly onlyFile: string | undefined;
}

/** Throws CAMERA_UNAVAILABLE when there is nothing at `path`. */
export async function openRoot(path: string): Promise<ImageRoot> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    const detail = `${path} is not there or not readable; create the folder or correct the path`;
    throw new SightlineError("CAMERA_UNAVAILABLE", detail);
  }
  return found.isFile() ? { folder: dirname(path), onlyFile: basename(path) } : { folder: path, onlyFile: undefined };
}

/** Images below the root at any depth, relative to it, in the order people number them: tile-2 before tile-10. */
export async function listImages(root: ImageRoot): Promise<string[]> {
  if (root.onlyFile !== undefined) return [root.onlyFile];
  const found: string[] = [];
  await walk(root.folder, "", found);
  return found.sort((one, other) => naturally.compare(one, other) || (one < other ? -1 : 1));
}

/** Hidden names are left out, and links to folders not followed: they can form rings. */
async function walk(folder: string, below: string, found: string[]): Promise<void> {
  for (const entry of await entriesOf(join(folder, below), below !== "")) {
    if (entry.name.startsWith(".")) continue;
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) await walk(folder, path, found);
    else if (IMAGE_NAME.test(entry.name)) found.push(path);
  }
}

async function entriesOf(path: string, mayVanish: boolean): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (mayVanish && (error as NodeJS.ErrnoException).code === "ENOENT") return [];
    const detail = `the folder ${path} cannot be read; check that it is there and its permissions`;
    throw new SightlineError("CAMERA_UNAVAILABLE", detail, { cause: error });
  }
}
