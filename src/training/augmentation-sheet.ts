import type { Image } from "../imaging/image.ts";
import { augmentToRgb } from "../imaging/augment.ts";
import { seededRandom, shuffle } from "../platform/random.ts";
import { contactSheet, type SheetCell } from "../simulation/contact-sheet.ts";
import type { AugmentationSettings } from "./augmentation.ts";
import { changeInView } from "./augmented-batches.ts";
import { mixedSeed } from "./mixed-seed.ts";
import type { PixelStore, StoredRegion } from "./pixel-store.ts";

export interface AugmentationSheetOptions {
  readonly settings: AugmentationSettings;
  /** Rows of every class. */
  readonly rowsPerClass: number;
  /** Augmented pictures beside the original. */
  readonly versions: number;
  readonly seed: number;
}

/** A PNG for people to judge by: in every row an original, as the device would feed it, and what training makes of it. */
export function augmentationSheet(store: PixelStore, options: AugmentationSheetOptions): Promise<Buffer> {
  const byClass = Map.groupBy(store.regions, ({ classIndex }) => classIndex);
  const chosen = [...byClass].flatMap(([classIndex, regions]) =>
    shuffle([...regions], seededRandom(mixedSeed(options.seed, classIndex))).slice(0, options.rowsPerClass),
  );
  const cells = chosen.flatMap((region, row) => rowOf(region, row, options));
  return contactSheet(cells, {
    columns: options.versions + 1,
    cellWidthPx: store.size.widthPx,
    cellHeightPx: store.size.heightPx,
  });
}

function rowOf(region: StoredRegion, row: number, options: AugmentationSheetOptions): SheetCell[] {
  const versions = Array.from({ length: options.versions }, (_, version) => ({
    image: augmentedImage(region, options.settings, mixedSeed(options.seed, row, version)),
    caption: String(version + 1),
  }));
  return [{ image: region.canvas, caption: `${region.label}, original` }, ...versions];
}

function augmentedImage(region: StoredRegion, settings: AugmentationSettings, seed: number): Image {
  const { widthPx, heightPx } = region.canvas;
  const pixels = new Uint8Array(widthPx * heightPx * 3);
  augmentToRgb(region.canvas, changeInView(region, settings, seededRandom(seed)), pixels, 0);
  return { pixels, widthPx, heightPx, channels: 3 };
}
