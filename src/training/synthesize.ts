import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodePng } from "../imaging/encode-jpeg.ts";
import { DEFAULT_LINE, type LineSettings, PHOTOGRAPHED_GREY } from "../simulation/line-settings.ts";
import { renderPart } from "../simulation/render-part.ts";
import { SYNTHETIC_COLUMN } from "../datasets/synthetic.ts";
import { csvLine } from "../platform/csv.ts";

export interface SynthesizeOptions {
  readonly parts: number;
  readonly seed: number;
  /** Probability that a part is defective, 0-1. */
  readonly defectRate: number;
  readonly onProgress: (done: number) => void;
}

const COLUMNS = ["file", "label", "part", "seed", "grey", SYNTHETIC_COLUMN];

/** Settings of simulated part `index` of a data folder: the lightings of the photographs in turn. */
export function synthesisLine(seed: number, index: number, defectRate: number): LineSettings {
  const meanGrey = PHOTOGRAPHED_GREY[index % PHOTOGRAPHED_GREY.length] ?? DEFAULT_LINE.lighting.meanGrey;
  return { ...DEFAULT_LINE, seed, defectRate, lighting: { ...DEFAULT_LINE.lighting, meanGrey } };
}

/**
 * Writes simulated parts as a data folder: a folder per class, the same below `masks/`, and `index.csv` with the columns
 * file,label,part,seed,grey,synthetic. The same options give the same files. The folder must not exist or is replaced.
 */
export async function synthesizeParts(folderPath: string, options: SynthesizeOptions): Promise<void> {
  await rm(folderPath, { recursive: true, force: true });
  await mkdir(folderPath, { recursive: true });
  let index = csvLine(COLUMNS);
  for (let part = 0; part < options.parts; part++) {
    const line = synthesisLine(options.seed, part, options.defectRate);
    const { image, mask, label, partId } = renderPart(line, part);
    await mkdir(join(folderPath, label), { recursive: true });
    await writeFile(join(folderPath, label, `${partId}.png`), await encodePng(image));
    if (label !== "free") {
      await mkdir(join(folderPath, "masks", label), { recursive: true });
      await writeFile(join(folderPath, "masks", label, `${partId}.png`), await encodePng(mask));
    }
    index += csvLine([`${label}/${partId}.png`, label, partId, options.seed, line.lighting.meanGrey, 1]);
    options.onProgress(part + 1);
  }
  // Last, so that a folder with an index is a whole one.
  await writeFile(join(folderPath, "index.csv"), index);
}

/** Changed whenever the same parts are laid out in files otherwise, so that an older folder is not taken. */
const LAYOUT = "v2";

/**
 * A data folder of simulated parts below the cache, rendered unless an earlier run left the same one. Trainings that
 * begin together render each for itself; the first to end gives the folder its name.
 */
export async function simulatedFolder(cachePath: string, options: SynthesizeOptions): Promise<string> {
  const { parts, seed, defectRate } = options;
  const name = `${LAYOUT}-${parts}-${seed}-${defectRate}-${renderingFingerprint(options)}`;
  const folderPath = join(cachePath, "simulated", name);
  const isWhole = (): boolean => existsSync(join(folderPath, "index.csv"));
  if (isWhole()) return folderPath;
  await mkdir(join(cachePath, "simulated"), { recursive: true });
  const ownPath = await mkdtemp(`${folderPath}-`);
  try {
    await synthesizeParts(ownPath, options);
    await rename(ownPath, folderPath).catch((error: unknown) => {
      if (!isWhole()) throw error;
    });
  } finally {
    await rm(ownPath, { recursive: true, force: true });
  }
  return folderPath;
}

/** Changes when the simulation draws other pixels from the same settings, or says more of them. */
function renderingFingerprint({ seed, defectRate }: SynthesizeOptions): string {
  const hash = createHash("sha256").update(COLUMNS.join());
  for (let part = 0; part < FINGERPRINT_PARTS; part++) {
    hash.update(renderPart(synthesisLine(seed, part, defectRate), part).image.pixels);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Enough for every class to be among them. */
const FINGERPRINT_PARTS = 24;
