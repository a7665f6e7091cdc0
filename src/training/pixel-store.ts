import { readFile } from "node:fs/promises";
import { messageOf } from "../contracts/errors.ts";
import { decodeImage } from "../imaging/decode-image.ts";
import type { Image } from "../imaging/image.ts";
import type { PixelRect } from "../imaging/pixel-rect.ts";
import { batchBytes, preprocess } from "../pipeline/preprocess/preprocess.ts";
import type { InputSizePx, UnreadableFile } from "./model-pixels.ts";
import { firstChannel } from "./first-channel.ts";
import type { LearningSet, Sample } from "./learning-set.ts";
import { type Fingerprint, fingerprint } from "../datasets/near-duplicates.ts";
import { binaryMask, maskFromBoxes, maskFromImage, type RegionMask } from "./region-mask.ts";
import { runTogether } from "../platform/run-together.ts";
import type { TrainingRegion, TrainingSamples } from "./training-samples.ts";

/** One training region with its pixels. */
export interface StoredRegion extends TrainingRegion {
  /** At the input size, exactly what a device feeds the model; one channel where all three are equal. */
  readonly canvas: Image;
  readonly mask: RegionMask;
  /** The mask follows the defect's outline; false where it is drawn from boxes. */
  readonly isOutlined: boolean;
}

/** What a whole frame looks like, roughly: to find the same picture under two names. */
export interface FramePrint {
  readonly sampleIndex: number;
  readonly print: Fingerprint;
}

export interface PixelStore {
  readonly size: InputSizePx;
  readonly regions: readonly StoredRegion[];
  readonly frames: readonly FramePrint[];
  /** Frames that could not be decoded, whose regions are missing, and masks that could not be used. */
  readonly unreadable: readonly UnreadableFile[];
  /** Memory the pixels take. */
  readonly bytes: number;
}

export interface PixelStoreOptions {
  readonly size: InputSizePx;
  /** Frames done so far, of all. */
  readonly onProgress: (done: number, total: number) => void;
  /** Stops before the next frame. */
  readonly signal?: AbortSignal;
}

/** Frames decoded at a time: decoding runs on other threads, resampling on this one. */
const FRAMES_AT_ONCE = 3;

/** Decodes every frame once and keeps the canvases and masks of its regions in memory, in the order of `samples`. */
export async function fillPixelStore(
  set: Pick<LearningSet, "samples">,
  samples: Pick<TrainingSamples, "regions" | "classes">,
  options: PixelStoreOptions,
): Promise<PixelStore> {
  const byFrame = Map.groupBy(samples.regions, ({ sampleIndex }) => sampleIndex);
  const goodClasses = new Set([...samples.classes.keys()].filter((index) => samples.classes[index]?.kind === "good"));
  let done = 0;
  const frames = await runTogether([...byFrame], FRAMES_AT_ONCE, async ([sampleIndex, regions]) => {
    options.signal?.throwIfAborted();
    const sample = set.samples[sampleIndex];
    const stored =
      sample === undefined ? NOTHING : await storeFrame({ sample, sampleIndex, regions }, goodClasses, options.size);
    options.onProgress(++done, byFrame.size);
    return stored;
  });
  const regions = frames.flatMap((frame) => frame.regions);
  return {
    size: options.size,
    regions,
    frames: frames.flatMap(({ print }) => print ?? []),
    unreadable: frames.flatMap(({ unreadable }) => unreadable),
    bytes: regions.reduce((sum, { canvas, mask }) => sum + canvas.pixels.length + maskBytes(mask), 0),
  };
}

interface StoredFrame {
  readonly regions: readonly StoredRegion[];
  readonly print: FramePrint | null;
  readonly unreadable: readonly UnreadableFile[];
}

const NOTHING: StoredFrame = { regions: [], print: null, unreadable: [] };

interface PlannedFrame {
  readonly sample: Sample;
  readonly sampleIndex: number;
  readonly regions: readonly TrainingRegion[];
}

async function storeFrame(
  { sample: { image }, sampleIndex, regions }: PlannedFrame,
  goodClasses: ReadonlySet<number>,
  size: InputSizePx,
): Promise<StoredFrame> {
  let frame: Image;
  try {
    frame = await decodedFile(image.path);
  } catch (error) {
    return { ...NOTHING, unreadable: [{ file: image.file, path: image.path, reason: messageOf(error) }] };
  }
  const { mask, unreadable } = await frameMask(image, frame);
  const stored = regions.map((region) => ({
    ...region,
    canvas: canvasOf(frame, region.rect, size),
    mask: goodClasses.has(region.classIndex) ? ("clear" as const) : defectMask(image, mask, region, size),
    isOutlined: mask !== null,
  }));
  return { regions: stored, print: { sampleIndex, print: printOf(frame) }, unreadable };
}

const PRINT_SIZE: InputSizePx = { widthPx: 64, heightPx: 64 };

const printOf = (frame: Image): Fingerprint =>
  fingerprint(canvasOf(frame, { xPx: 0, yPx: 0, widthPx: frame.widthPx, heightPx: frame.heightPx }, PRINT_SIZE));

async function decodedFile(path: string): Promise<Image> {
  const decoded = await decodeImage(await readFile(path));
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.image;
}

/** A mask that cannot be used costs its places, not its frame. */
async function frameMask(
  { file, maskPath }: Sample["image"],
  frame: Image,
): Promise<{ mask: Image | null; unreadable: readonly UnreadableFile[] }> {
  if (maskPath === null) return { mask: null, unreadable: [] };
  const refuse = (reason: string) => ({
    mask: null,
    unreadable: [{ file, path: maskPath, reason: `its mask is not used: ${reason}` }],
  });
  try {
    const mask = await decodedFile(maskPath);
    if (mask.widthPx === frame.widthPx && mask.heightPx === frame.heightPx) {
      return { mask: binaryMask(mask), unreadable: [] };
    }
    return refuse(`${mask.widthPx}x${mask.heightPx} px for an image of ${frame.widthPx}x${frame.heightPx} px`);
  } catch (error) {
    return refuse(messageOf(error));
  }
}

function canvasOf(frame: Image, rect: PixelRect, size: InputSizePx): Image {
  const rgb = preprocess(frame, [rect], size, new Uint8Array(batchBytes(1, size)));
  if (frame.channels === 3 && !isGrey(rgb)) return { ...size, pixels: rgb, channels: 3 };
  return { ...size, pixels: firstChannel(rgb), channels: 1 };
}

function isGrey(rgb: Uint8Array): boolean {
  for (let at = 0; at < rgb.length; at += 3) {
    if (rgb[at] !== rgb[at + 1] || rgb[at] !== rgb[at + 2]) return false;
  }
  return true;
}

/** Null also where a mask or the boxes show nothing on a defective region: whoever marked it did not mean that. */
function defectMask(
  { boxes }: Sample["image"],
  frameMask: Image | null,
  { rect }: TrainingRegion,
  size: InputSizePx,
): RegionMask {
  const mask = frameMask === null ? maskFromBoxes(boxes ?? [], rect, size) : maskFromImage(frameMask, rect, size);
  return mask === "clear" ? null : mask;
}

const maskBytes = (mask: RegionMask): number => (mask === null || mask === "clear" ? 0 : mask.pixels.length);
