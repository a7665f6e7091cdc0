import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";
import { encodePng } from "../../src/imaging/encode-jpeg.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { csvLine } from "../../src/platform/csv.ts";

/** Knows grey parts (good) and those with a dark or bright spot; see tests/fixtures/make-tiny-bundle.py. */
export const TINY_BUNDLE = fileURLToPath(new URL("../fixtures/tiny-bundle", import.meta.url));

const SIDE_PX = 32;
const GREY = 128;

export interface SpottedParts {
  readonly good: number;
  readonly defective: number;
  readonly framesPerPart?: number;
  readonly seed?: number;
  /** Value of the column `synthetic`, where it shall be there. */
  readonly synthetic?: string;
}

/**
 * A data folder for the tiny bundle: noisy grey parts, the defective ones with a dark or bright disc of 1.5 to 7.5 px
 * radius, the smallest of which it cannot see; columns part and shift.
 */
export async function writeSpottedParts(path: string, parts: SpottedParts): Promise<void> {
  const random = seededRandom(parts.seed ?? 1);
  let index = csvLine(["file", "label", "part", "shift", ...(parts.synthetic === undefined ? [] : ["synthetic"])]);
  for (let part = 0; part < parts.good + parts.defective; part++) {
    const label = part < parts.good ? "good" : random() < 0.5 ? "dark-spot" : "bright-spot";
    const radiusPx = label === "good" ? random() * 3 - 0.5 : 1.5 + random() * 6;
    const level = (label === "good" ? random() < 0.5 : label === "dark-spot") ? 20 : 240;
    for (let frame = 0; frame < (parts.framesPerPart ?? 1); frame++) {
      const file = `${label}/${part}-${frame}.png`;
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), await spottedPng(radiusPx, level, random));
      const row = [file, label, `part${part}`, part % 2 === 0 ? "early" : "late"];
      index += csvLine([...row, ...(parts.synthetic === undefined ? [] : [parts.synthetic])]);
    }
  }
  await writeFile(join(path, "index.csv"), index);
}

function spottedPng(radiusPx: number, level: number, random: () => number): Promise<Uint8Array> {
  const pixels = Uint8Array.from({ length: SIDE_PX * SIDE_PX }, (_, at) => {
    const distancePx = Math.hypot((at % SIDE_PX) - 18, Math.floor(at / SIDE_PX) - 12);
    return (distancePx <= radiusPx ? level : GREY) + Math.floor(random() * 11) - 5;
  });
  return encodePng({ pixels, widthPx: SIDE_PX, heightPx: SIDE_PX, channels: 1 });
}
