import { hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { syncDirectory } from "../../platform/durable-file.ts";
import type { HashedContent, HashedFile, ObjectStore, StoredObject } from "./object-store.ts";
import { verified } from "./verified-stream.ts";

const NAME = /^[0-9a-f]{64}$/;

/**
 * Images as files: ROOT/ab/cd/abcd…, so that no folder grows beyond what file systems like. A file appears under its name
 * only when all of it is on the disk.
 */
export class FolderStore implements ObjectStore {
  readonly #root: string;
  /** Folder of files that are being written. */
  readonly #parts: string;
  /** Tells two puts of the same bytes at once apart. */
  #count = 0;

  constructor(root: string) {
    this.#root = root;
    this.#parts = join(root, "parts");
  }

  async put(file: HashedFile | HashedContent): Promise<void> {
    try {
      await this.#put(file);
    } catch (error) {
      throw error instanceof SightlineError ? error : this.#failure(`cannot store ${file.sha256}`, error);
    }
  }

  async #put(file: HashedFile | HashedContent): Promise<void> {
    const target = this.#pathOf(file.sha256);
    // A rename that was never synced is not safe yet, whoever made it.
    if (await isIntact(target, file.sha256)) return syncDirectory(dirname(target));
    const part = join(this.#parts, `${file.sha256}.${process.pid}.${this.#count++}`);
    try {
      await inFolder(this.#parts, () => writePart(file, part));
      await inFolder(dirname(target), () => rename(part, target));
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    await syncDirectory(dirname(target));
  }

  async get(sha256: string): Promise<Readable | null> {
    if (!(await this.has(sha256))) return null;
    const path = this.#pathOf(sha256);
    return verified(createReadStream(path), sha256, path);
  }

  async has(sha256: string): Promise<boolean> {
    return (await stat(this.#pathOf(sha256)).catch(absent)) !== null;
  }

  async *list(): AsyncGenerator<StoredObject> {
    for (const first of await namesIn(this.#root)) {
      if (!/^[0-9a-f]{2}$/.test(first)) continue;
      for (const second of await namesIn(join(this.#root, first))) {
        for (const sha256 of await namesIn(join(this.#root, first, second))) {
          if (!NAME.test(sha256)) continue;
          const found = await stat(this.#pathOf(sha256)).catch(absent);
          if (found !== null) yield { sha256, storedAt: found.mtimeMs };
        }
      }
    }
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.#pathOf(sha256), { force: true });
  }

  /** Removes what crashes left half-written before `unixMs`. */
  async removeParts(unixMs: number): Promise<number> {
    let removed = 0;
    for (const name of await namesIn(this.#parts)) {
      const path = join(this.#parts, name);
      const found = await stat(path).catch(absent);
      if (found === null || found.mtimeMs >= unixMs) continue;
      await rm(path, { force: true });
      removed++;
    }
    return removed;
  }

  #pathOf(sha256: string): string {
    if (!NAME.test(sha256)) throw new SightlineError("OBJECT_STORE_FAILED", `"${sha256}" is no SHA-256`);
    return join(this.#root, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  }

  #failure(what: string, cause: unknown): SightlineError {
    const detail = `${this.#root} ${what}: ${messageOf(cause)}; check that the disk is there, writable and not full`;
    return new SightlineError("OBJECT_STORE_FAILED", detail, { cause });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(absent);
  return (names ?? []).sort();
}

async function isIntact(path: string, sha256: string): Promise<boolean> {
  const bytes = await readFile(path).catch(absent);
  return bytes !== null && hash("sha256", bytes) === sha256;
}

/** On return the bytes are on the disk; their name may not be yet. */
async function writePart(file: HashedFile | HashedContent, part: string): Promise<void> {
  if ("path" in file) await copyFile(file.path, part);
  const handle = await open(part, "path" in file ? "r+" : "wx");
  try {
    if ("content" in file) await handle.writeFile(file.content);
    const { size } = await handle.stat();
    if (size !== file.bytes) throw new Error(`the file to be stored has ${size} bytes, not ${file.bytes}`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the folder only where it turns out to be missing: nearly always it is there. */
async function inFolder(folder: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    absent(error);
    await makeFolder(folder);
    await act();
  }
}

/** With the names of all folders it had to make on the disk. */
async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true });
  for (let inner = folder; made !== undefined; inner = dirname(inner)) {
    await syncDirectory(dirname(inner));
    if (inner === made) return;
  }
}

function absent(error: unknown): null {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return null;
  throw error;
}
