import { opendir } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";

export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set([
  ".jpg",
  ".jpeg",
  ".png",
  ".bmp",
  ".tif",
  ".tiff",
  ".webp",
  ".gif",
  ".avif",
]);
/** Folders beside the class folders that hold no training images. */
const RESERVED_FOLDERS = new Set(["masks"]);

/** Image files at any depth, sorted, relative with forward slashes. */
export async function listImages(path: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of await opendir(path, { recursive: true })) {
    if (entry.isDirectory() || !IMAGE_EXTENSIONS.has(extname(entry.name).toLowerCase())) continue;
    const file = relative(path, join(entry.parentPath, entry.name)).split(sep).join("/");
    if (!RESERVED_FOLDERS.has(file.split("/")[0] ?? "")) files.push(file);
  }
  return files.sort();
}
