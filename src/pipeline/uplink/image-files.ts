import { hash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

const PART = ".part";

/** Images by their hash, each a file. Blocks: for a worker's thread. */
export class ImageFiles {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  make(): void {
    mkdirSync(this.#path, { recursive: true });
  }

  /** On disk when it returns: written beside, fsync, rename, fsync of the folder. A name names one content only. */
  write(sha256: string, bytes: Uint8Array): void {
    const path = join(this.#path, sha256);
    if (existsSync(path)) return;
    const part = path + PART;
    try {
      const file = openSync(part, "w");
      try {
        for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(part, path);
    } catch (error) {
      rmSync(part, { force: true }); // a full disk: give back what it did take
      throw error;
    }
    const folder = openSync(this.#path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  /** Null where the file is gone or not what its name says. */
  read(sha256: string): Uint8Array | null {
    try {
      const bytes = readFileSync(join(this.#path, sha256));
      return hash("sha256", bytes) === sha256 ? new Uint8Array(bytes) : null; // memory of its own, to be moved
    } catch {
      return null;
    }
  }

  remove(sha256: string): void {
    rmSync(join(this.#path, sha256), { force: true });
  }

  /** Sizes by name; of writes that a crash cut short nothing is left afterwards. */
  list(): Map<string, number> {
    const names = readdirSync(this.#path);
    for (const name of names) if (name.endsWith(PART)) this.remove(name);
    return new Map(
      names.filter((name) => !name.endsWith(PART)).map((name) => [name, statSync(join(this.#path, name)).size]),
    );
  }

  freeDiskBytes(): number {
    const { bavail, bsize } = statfsSync(this.#path);
    return bavail * bsize;
  }
}
