import { createHash } from "node:crypto";
import { cp, mkdir, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { syncDirectory, syncFile, writeDurably } from "../platform/durable-file.ts";
import { Floors, NO_FLOORS } from "./floors.ts";

export const REPOSITORIES = ["catalogue", "director"] as const;
export type RepositoryName = (typeof REPOSITORIES)[number];

const SEAL = "seal.json";
const FLOORS = "floors.json";
const Seal = z.strictObject({ files: z.record(z.string(), z.string()) });

/** The roots a device is born with, as bytes of `1.root.json` or a later one. */
export type BirthRoots = { readonly [R in RepositoryName]: Uint8Array };

/** A working copy of what a device trusts. Nothing counts before `commit`. */
export interface TrustCopy {
  readonly path: string;
  readonly floors: Floors;
  /** The generation it was copied from; null where it begins with the birth roots. */
  readonly from: number | null;
  /** True where the last state could not be read whole and an older one, or the birth roots, had to do. */
  readonly recovered: boolean;
}

/**
 * The metadata of both repositories and the floors, as numbered generations of one folder. A change is made in a copy,
 * sealed with the hashes of its files, synced, and becomes current by one rename of the file `current`. The generation
 * before stays; one whose seal does not fit is never used. tuf-js writes its files in place, so a power cut during a
 * check tears a copy that nobody has begun to trust.
 */
export class TrustStore {
  readonly #path: string;
  readonly #roots: BirthRoots;

  constructor(path: string, roots: BirthRoots) {
    this.#path = path;
    this.#roots = roots;
  }

  /** Makes a fresh working copy of the newest whole generation; leftovers of an interrupted check are removed. */
  async copy(): Promise<TrustCopy> {
    await mkdir(this.#path, { recursive: true });
    const current = await this.#currentNumber();
    const numbers = (await this.#generations()).sort((left, right) => right - left);
    // A generation newer than `current` was never committed. Without `current` a sealed one still beats the birth roots.
    const candidates = numbers.filter((number) => current === null || number <= current);
    const whole = await this.#firstWhole(candidates);
    const path = join(this.#path, "work");
    await rm(path, { recursive: true, force: true });
    if (whole === null) {
      await this.#begin(path);
      return { path, floors: NO_FLOORS, from: null, recovered: numbers.length > 0 || current !== null };
    }
    await cp(this.#generationPath(whole), path, { recursive: true });
    const floors = await readFloors(path);
    return { path, floors, from: whole, recovered: (current ?? numbers[0]) !== whole };
  }

  /** Floors of the newest whole generation, without a copy. */
  async floors(): Promise<Floors> {
    const current = await this.#currentNumber();
    const numbers = (await this.#generations()).sort((left, right) => right - left);
    const whole = await this.#firstWhole(numbers.filter((number) => current === null || number <= current));
    return whole === null ? NO_FLOORS : readFloors(this.#generationPath(whole));
  }

  /** Whether the copy's metadata differ from what it was copied from. */
  async isChanged(copy: TrustCopy): Promise<boolean> {
    if (copy.from === null) return true;
    const [now, before] = [await this.#hashes(copy.path), await this.#hashes(this.#generationPath(copy.from))];
    const names = new Set([...Object.keys(now), ...Object.keys(before)]);
    return [...names].some((name) => now[name] !== before[name]);
  }

  /** Makes the copy, with these floors, what the device trusts from now on. The copy is used up. */
  async commit(copy: TrustCopy, floors: Floors): Promise<void> {
    await writeDurably(join(copy.path, FLOORS), JSON.stringify(floors));
    const seal: z.infer<typeof Seal> = { files: await this.#hashes(copy.path) };
    for (const name of Object.keys(seal.files)) await syncFile(join(copy.path, name));
    for (const name of REPOSITORIES) await syncDirectory(join(copy.path, name));
    await writeDurably(join(copy.path, SEAL), JSON.stringify(seal));
    await syncDirectory(copy.path);
    const numbers = await this.#generations();
    const next = Math.max(0, (await this.#currentNumber()) ?? 0, ...numbers) + 1;
    await rename(copy.path, this.#generationPath(next));
    await syncDirectory(this.#path);
    await writeDurably(join(this.#path, "current"), `${next}\n`);
    for (const number of numbers) {
      if (number !== copy.from) await rm(this.#generationPath(number), { recursive: true, force: true });
    }
  }

  async #begin(path: string): Promise<void> {
    for (const name of REPOSITORIES) {
      await mkdir(join(path, name), { recursive: true });
      await writeDurably(join(path, name, "root.json"), this.#roots[name]);
    }
  }

  async #firstWhole(numbers: readonly number[]): Promise<number | null> {
    for (const number of numbers) if (await this.#isWhole(this.#generationPath(number))) return number;
    return null;
  }

  async #isWhole(path: string): Promise<boolean> {
    const text = await readFile(join(path, SEAL), "utf8").catch(() => "null");
    const seal = Seal.safeParse(parseOrNull(text)).data;
    if (seal === undefined || !Floors.safeParse(parseOrNull(await readText(join(path, FLOORS)))).success) return false;
    const found = await this.#hashes(path).catch(() => ({}) as Record<string, string>);
    const names = Object.keys(seal.files);
    return names.length === Object.keys(found).length && names.every((name) => found[name] === seal.files[name]);
  }

  async #hashes(path: string): Promise<Record<string, string>> {
    const names: string[] = (await readText(join(path, FLOORS))) === "" ? [] : [FLOORS];
    for (const name of REPOSITORIES) {
      for (const file of await readdir(join(path, name))) names.push(`${name}/${file}`);
    }
    const hashes: Record<string, string> = {};
    for (const name of names) {
      hashes[name] = createHash("sha256")
        .update(await readFile(join(path, name)))
        .digest("hex");
    }
    return hashes;
  }

  async #currentNumber(): Promise<number | null> {
    const number = Number((await readText(join(this.#path, "current"))).trim() || NaN);
    return Number.isSafeInteger(number) && number > 0 ? number : null;
  }

  async #generations(): Promise<number[]> {
    const names = await readdir(this.#path).catch(() => []);
    return names.flatMap((name) => {
      const number = /^generation-(\d+)$/.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    });
  }

  readonly #generationPath = (number: number): string => join(this.#path, `generation-${number}`);
}

const readText = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");

const readFloors = async (path: string): Promise<Floors> =>
  Floors.parse(JSON.parse(await readFile(join(path, FLOORS), "utf8")));

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
