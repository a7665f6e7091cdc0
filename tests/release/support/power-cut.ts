import fs, { readdirSync, statSync, truncateSync } from "node:fs";
import fsp, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";

/** Not an error that a program could know: whoever catches it goes on without a disk. */
class Cut extends Error {}

const PATCHED = ["rename", "mkdir", "rm", "cp", "open"] as const;

/**
 * Cuts the power at the `at`-th operation that changes the disk: a write gets half of its bytes down, everything else
 * does not happen, nothing works after it, and what was written but not synced is torn.
 */
export class PowerCut {
  operations = 0;
  readonly #at: number;
  readonly #dirty = new Set<string>();
  readonly #originals = new Map<string, unknown>();
  readonly #writeFileSync = fs.writeFileSync;

  constructor(at: number) {
    this.#at = at;
  }

  get happened(): boolean {
    return this.operations >= this.#at;
  }

  install(): void {
    for (const name of PATCHED) this.#originals.set(name, fsp[name]);
    const original = { ...fsp };
    fsp.rename = async (from, to) => {
      this.#step();
      await original.rename(from, to);
      this.#dirty.delete(String(to));
      for (const path of [...this.#dirty]) {
        if (path !== String(from) && !path.startsWith(`${String(from)}/`)) continue;
        this.#dirty.delete(path);
        this.#dirty.add(String(to) + path.slice(String(from).length));
      }
    };
    fsp.mkdir = (async (...args: Parameters<typeof original.mkdir>) => {
      this.#step();
      return original.mkdir(...args);
    }) as typeof fsp.mkdir;
    fsp.rm = async (...args) => {
      this.#step();
      await original.rm(...args);
    };
    fsp.cp = async (from, to, options) => {
      this.#step();
      await original.cp(from, to, options);
      for (const file of filesBelow(String(to))) this.#dirty.add(file);
    };
    fsp.open = async (path, flags, mode) => this.#watched(await original.open(path, flags, mode), String(path));
    fs.writeFileSync = ((path: string, data: string, options?: fs.WriteFileOptions) => {
      const text = String(data);
      this.#writeFileSync(path, this.#next() ? text : text.slice(0, text.length / 2), options);
      this.#dirty.add(path);
      if (this.happened) throw new Cut();
    }) as typeof fs.writeFileSync;
    syncBuiltinESMExports();
  }

  /** The power is back. */
  remove(): void {
    for (const name of PATCHED) Reflect.set(fsp, name, this.#originals.get(name));
    fs.writeFileSync = this.#writeFileSync;
    syncBuiltinESMExports();
    for (const path of this.#dirty) {
      const status = statSync(path, { throwIfNoEntry: false });
      if (status?.isFile() === true) truncateSync(path, Math.floor(status.size / 2));
    }
  }

  #watched(handle: FileHandle, path: string): FileHandle {
    const write = (original: (data: Uint8Array | string) => Promise<void>) => async (data: Uint8Array | string) => {
      const whole = this.#next();
      await original.call(handle, whole ? data : data.slice(0, data.length / 2));
      this.#dirty.add(path);
      if (!whole) throw new Cut();
    };
    handle.writeFile = write(handle.writeFile as never) as typeof handle.writeFile;
    handle.appendFile = write(handle.appendFile as never) as typeof handle.appendFile;
    const sync = handle.sync;
    handle.sync = async () => {
      this.#step();
      await sync.call(handle);
      this.#dirty.delete(path);
    };
    return handle;
  }

  #step(): void {
    if (!this.#next()) throw new Cut();
  }

  #next(): boolean {
    this.operations++;
    return this.operations < this.#at;
  }
}

const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
