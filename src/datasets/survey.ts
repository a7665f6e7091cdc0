import { frameStatistics } from "../imaging/frame-statistics.ts";
import { runTogether } from "../platform/run-together.ts";
import { checkImage } from "./check-image.ts";
import type { DataFolder, LabelledImage, RefusedFile } from "./data-folder.ts";
import { type Fingerprint, fingerprint } from "./near-duplicates.ts";
import { partOf } from "./part-column.ts";

/** An image as its pixels and its listing show it. */
export interface SurveyedImage {
  readonly image: LabelledImage;
  readonly part: string;
  readonly sha256: string;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Mean luminance, 0 to 255. */
  readonly brightness: number;
  /** See frameStatistics: percent of the mean luminance. */
  readonly sharpness: number;
  readonly print: Fingerprint;
}

export interface Survey {
  readonly images: readonly SurveyedImage[];
  readonly unreadable: readonly RefusedFile[];
}

/** Pictures in memory at a time; of each about 5 KB stay. */
const FILES_AT_ONCE = 4;

/** Decodes every image once. Two parts of different folders are two parts. */
export async function surveyFolder(
  folder: Pick<DataFolder, "images">,
  options: {
    readonly partColumn: string | null;
    readonly onProgress: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<Survey> {
  let done = 0;
  const unreadable: RefusedFile[] = [];
  const images = await runTogether(folder.images, FILES_AT_ONCE, async (image): Promise<SurveyedImage | null> => {
    options.signal?.throwIfAborted();
    const checked = await checkImage(image.path);
    options.onProgress(++done, folder.images.length);
    if (!checked.ok) {
      unreadable.push({ file: image.file, reason: checked.reason });
      return null;
    }
    const { widthPx, heightPx } = checked.image;
    const { meanLuminance, sharpness } = frameStatistics(checked.image, { thumbnail: false });
    return {
      image,
      part: partOf(image, options.partColumn),
      sha256: checked.sha256,
      widthPx,
      heightPx,
      brightness: meanLuminance,
      sharpness,
      print: fingerprint(checked.image),
    };
  });
  return {
    images: images.filter((image) => image !== null),
    unreadable: unreadable.sort((one, other) => (one.file < other.file ? -1 : 1)),
  };
}
