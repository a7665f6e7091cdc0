import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * After return, `path` holds all of `bytes` even if power is cut now; before, the old content. `mode`, where given, is
 * that of the file from before its first byte on.
 */
export async function writeDurably(path: string, bytes: Uint8Array | string, mode?: number): Promise<void> {
  const partPath = `${path}.part`;
  const file = await open(partPath, "w", mode);
  try {
    if (mode !== undefined) await file.chmod(mode); // one that was left there keeps its own otherwise
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partPath, path);
  await syncDirectory(dirname(path));
}

/** Makes what was written to a file survive a power cut. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename or a new name in `directoryPath` survive a power cut. */
export async function syncDirectory(directoryPath: string): Promise<void> {
  const directory = await open(directoryPath, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
