import { randomFillSync } from "node:crypto";
import { closeSync, fsyncSync, openSync, rmSync, statSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";

const BLOCK_BYTES = 64 * 1024;

/** A file that holds disk space free for verdicts: removed when the disk is full, made again when there is room. */
export class DiskReserve {
  readonly #path: string;
  readonly #directoryPath: string;
  readonly #bytes: number;

  constructor(directoryPath: string, bytes: number) {
    this.#directoryPath = directoryPath;
    this.#path = join(directoryPath, "reserve");
    this.#bytes = bytes;
  }

  get held(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.size === this.#bytes;
  }

  freeDiskBytes(): number {
    const disk = statfsSync(this.#directoryPath);
    return disk.bavail * disk.bsize;
  }

  /** True when the space is held afterwards; a reserve that does not fit leaves nothing behind. */
  hold(): boolean {
    if (this.held) return true;
    // Random, for a file system that compresses or skips zeros would hold no space with them.
    const block = randomFillSync(Buffer.alloc(BLOCK_BYTES));
    let file: number | undefined;
    try {
      file = openSync(this.#path, "w");
      for (let written = 0; written < this.#bytes;)
        written += writeSync(file, block, 0, Math.min(BLOCK_BYTES, this.#bytes - written));
      fsyncSync(file);
    } catch {
      this.spend();
    } finally {
      if (file !== undefined) closeSync(file);
    }
    return this.held;
  }

  spend(): void {
    rmSync(this.#path, { force: true });
  }
}
