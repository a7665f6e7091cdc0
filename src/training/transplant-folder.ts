import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import { csvLine } from "../platform/csv.ts";
import { folderOfLabel, maskFileOf } from "../datasets/file-name.ts";
import { SPLIT_COLUMN } from "../datasets/split.ts";
import { SYNTHETIC_COLUMN } from "../datasets/synthetic.ts";
import { encodePng } from "../imaging/encode-jpeg.ts";
import { seededRandom } from "../platform/random.ts";
import { mixedSeed } from "./mixed-seed.ts";
import type { PixelStore, StoredRegion } from "./pixel-store.ts";
import { binaryMask, maskCanvas } from "./region-mask.ts";
import { canTransplant, transplant } from "./transplant.ts";

export interface TransplantOptions {
  readonly count: number;
  readonly seed: number;
  /** The physical part of a region, as its data folder names it. */
  readonly partOf: (region: StoredRegion) => string;
  readonly isGood: (region: StoredRegion) => boolean;
  readonly onProgress: (done: number) => void;
}

const COLUMNS = ["file", "label", "part", "donor_part", SPLIT_COLUMN, SYNTHETIC_COLUMN];

/**
 * Sets marked defects of some parts onto good ones, classes in turn, and writes a folder per class with masks and index.csv.
 * The store must hold parts of the training side only: every picture shows a donor and a host, and must never judge a model
 * that learned from either. Its part is the host's. The same options give the same files. Returns how many were made: fewer
 * where there are no more pairs. Throws SightlineError DATA_INVALID where there is nothing to set on anything.
 */
export async function writeTransplants(
  folderPath: string,
  store: Pick<PixelStore, "regions">,
  { count, seed, partOf, isGood, onProgress }: TransplantOptions,
): Promise<number> {
  const hosts = store.regions.filter(isGood);
  const byLabel = [...Map.groupBy(store.regions.filter(canTransplant), ({ label }) => label)].sort(([one], [other]) =>
    one < other ? -1 : 1,
  );
  if (hosts.length === 0 || byLabel.length === 0) {
    const missing =
      hosts.length === 0 ? "good part" : "defect with a mask (masks/…) on at most a quarter of its picture";
    throw new SightlineError("DATA_INVALID", `there is no ${missing} on the training side to make transplants of`);
  }
  await mkdir(folderPath, { recursive: true });
  let index = csvLine(COLUMNS);
  let made = 0;
  for (const { donor, host } of pairs(
    byLabel.map(([, donors]) => donors),
    hosts,
    { count, seed },
  )) {
    const image = await encodePng(transplant(donor, host.canvas));
    const name = createHash("sha256").update(image).digest("hex");
    const file = `${folderOfLabel(donor.label)}/${name}.png`;
    await put(folderPath, file, image);
    await put(folderPath, maskFileOf(file), await encodePng(binaryMask(maskCanvas(donor.mask, donor.canvas))));
    index += csvLine([file, donor.label, partOf(host), partOf(donor), "train", 1]);
    onProgress(++made);
  }
  // Last, so that a folder with an index is a whole one.
  await writeFile(join(folderPath, "index.csv"), index);
  return made;
}

interface Pair {
  readonly donor: StoredRegion;
  readonly host: StoredRegion;
}

/** Up to `count` different pairs, classes in turn, spread over all there are. */
function* pairs(
  classes: readonly (readonly StoredRegion[])[],
  hosts: readonly StoredRegion[],
  { count, seed }: { readonly count: number; readonly seed: number },
): Generator<Pair> {
  const queues = classes.map((donors, at) => pairsOf(donors, hosts, mixedSeed(seed, at)));
  let left = count;
  for (let live = queues; live.length > 0 && left > 0;) {
    const next = live.slice(0, left).map((queue) => ({ queue, pair: queue.next() }));
    for (const { pair } of next) if (pair.done !== true) yield pair.value;
    left -= next.filter(({ pair }) => pair.done !== true).length;
    live = next.filter(({ pair }) => pair.done !== true).map(({ queue }) => queue);
  }
}

/** Every donor with every host once: steps of a length that shares no factor with their number visit all of them. */
function* pairsOf(
  donors: readonly StoredRegion[],
  hosts: readonly StoredRegion[],
  seed: number,
): Generator<Pair, undefined> {
  const total = donors.length * hosts.length;
  const random = seededRandom(seed);
  let place = Math.floor(random() * total);
  let step = 1 + Math.floor(random() * total);
  while (greatestCommonDivisor(step, total) !== 1) step++;
  for (let taken = 0; taken < total; taken++, place = (place + step) % total) {
    const donor = donors[place % donors.length];
    const host = hosts[Math.floor(place / donors.length)];
    if (donor !== undefined && host !== undefined) yield { donor, host };
  }
  return undefined;
}

const greatestCommonDivisor = (one: number, other: number): number =>
  other === 0 ? one : greatestCommonDivisor(other, one % other);

async function put(folderPath: string, file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(join(folderPath, file)), { recursive: true });
  await writeFile(join(folderPath, file), bytes);
}
