import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import { csvLine } from "../datasets/csv.ts";
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
 * that learned from either. Its part is the host's. The same options give the same files. Throws SightlineError DATA_INVALID
 * where there is nothing to set on anything.
 */
export async function writeTransplants(
  folderPath: string,
  store: Pick<PixelStore, "regions">,
  { count, seed, partOf, isGood, onProgress }: TransplantOptions,
): Promise<void> {
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
  for (let at = 0; at < count; at++) {
    const random = seededRandom(mixedSeed(seed, at));
    const [label = "", donors = []] = byLabel[at % byLabel.length] ?? [];
    const donor = donors[Math.floor(random() * donors.length)];
    const host = hosts[Math.floor(random() * hosts.length)];
    if (donor === undefined || host === undefined) continue;
    const image = await encodePng(transplant(donor, host.canvas));
    const name = createHash("sha256").update(image).digest("hex");
    const file = `${folderOfLabel(label)}/${name}.png`;
    await put(folderPath, file, image);
    await put(folderPath, maskFileOf(file), await encodePng(binaryMask(maskCanvas(donor.mask, donor.canvas))));
    index += csvLine([file, label, partOf(host), partOf(donor), "train", 1]);
    onProgress(at + 1);
  }
  // Last, so that a folder with an index is a whole one.
  await writeFile(join(folderPath, "index.csv"), index);
}

async function put(folderPath: string, file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(join(folderPath, file)), { recursive: true });
  await writeFile(join(folderPath, file), bytes);
}
