import { z } from "zod";
import { inverseMap } from "../imaging/affine.ts";
import { MAX_BLUR_SIGMA_PX, type Outside, type PixelChange } from "../imaging/augment.ts";
import { toneTable } from "../imaging/tone-table.ts";
import type { InputSizePx } from "./model-pixels.ts";

/**
 * How far training may change a picture without making its label a lie. Values are drawn evenly up to the limit, to
 * both sides where there are two; 0 and false switch a change off.
 */
const Ranges = z.strictObject({
  flipHorizontal: z.boolean().describe("left and right may be swapped"),
  flipVertical: z.boolean().describe("top and bottom may be swapped"),
  quarterTurns: z.boolean().describe("turns by 90, 180 and 270 degrees; by 180 only where the input is not square"),
  rotationDegrees: z.number().min(0).max(180),
  shiftShare: z.number().min(0).max(0.5).describe("share of the width and of the height"),
  scale: z.number().min(0).max(0.9).describe("0.1: from 1 / 1.1 times to 1.1 times as large"),
  aspect: z.number().min(0).max(0.9).describe("0.1: from 1 / 1.1 times to 1.1 times as wide for its height"),
  outside: z.enum(["edge", "mirror"]).describe("what fills the places that come into view"),
  brightness: z.number().min(0).max(1).describe("share of the full range added or taken away"),
  contrast: z.number().min(0).max(0.9).describe("0.1: from 1 / 1.1 times to 1.1 times the contrast"),
  gamma: z.number().min(0).max(0.9).describe("0.1: exponents from 1 / 1.1 to 1.1"),
  blurProbability: z.number().min(0).max(1),
  blurSigmaPx: z.number().min(0).max(MAX_BLUR_SIGMA_PX).describe("at the input size"),
  noiseProbability: z.number().min(0).max(1),
  noiseSigmaLevels: z.number().min(0).max(25).describe("standard deviation, of 256 grey levels"),
});
export type AugmentationRanges = z.infer<typeof Ranges>;

export const AUGMENTATION_PRESETS = ["none", "light", "standard", "strong"] as const;
export type AugmentationPreset = (typeof AUGMENTATION_PRESETS)[number];

const NONE: AugmentationRanges = {
  flipHorizontal: false,
  flipVertical: false,
  quarterTurns: false,
  rotationDegrees: 0,
  shiftShare: 0,
  scale: 0,
  aspect: 0,
  outside: "edge",
  brightness: 0,
  contrast: 0,
  gamma: 0,
  blurProbability: 0,
  blurSigmaPx: 0,
  noiseProbability: 0,
  noiseSigmaLevels: 0,
};

const LIGHT: AugmentationRanges = {
  ...NONE,
  flipHorizontal: true,
  flipVertical: true,
  rotationDegrees: 3,
  shiftShare: 0.03,
  scale: 0.03,
  brightness: 0.05,
  contrast: 0.1,
};

const STANDARD: AugmentationRanges = {
  ...LIGHT,
  rotationDegrees: 5,
  shiftShare: 0.05,
  scale: 0.06,
  aspect: 0.03,
  brightness: 0.08,
  contrast: 0.15,
  gamma: 0.15,
  blurProbability: 0.2,
  blurSigmaPx: 0.7,
  noiseProbability: 0.3,
  noiseSigmaLevels: 3,
};

const STRONG: AugmentationRanges = {
  ...STANDARD,
  quarterTurns: true,
  rotationDegrees: 10,
  shiftShare: 0.08,
  scale: 0.12,
  aspect: 0.06,
  brightness: 0.12,
  contrast: 0.25,
  gamma: 0.25,
  blurProbability: 0.3,
  blurSigmaPx: 1,
  noiseProbability: 0.4,
  noiseSigmaLevels: 6,
};

export const PRESET_RANGES: Readonly<Record<AugmentationPreset, AugmentationRanges>> = {
  none: NONE,
  light: LIGHT,
  standard: STANDARD,
  strong: STRONG,
};

/** The JSON file people write: a preset, what differs from it, and what differs for a class. */
export const AugmentationFile = z.strictObject({
  preset: z.enum(AUGMENTATION_PRESETS).default("standard"),
  ...Ranges.partial().shape,
  classes: z.record(z.string().min(1), Ranges.partial()).default({}),
});

export interface AugmentationSettings {
  readonly ranges: AugmentationRanges;
  /** By label, complete: what keeps the label differs from class to class (brightness makes an uneven tile even). */
  readonly classes: Readonly<Record<string, AugmentationRanges>>;
}

/** Settings from a preset's name or the content of a JSON file. Throws ZodError. */
export function augmentationSettings(input: unknown): AugmentationSettings {
  const { preset, classes, ...changes } = AugmentationFile.parse(typeof input === "string" ? { preset: input } : input);
  const ranges = withChanges(PRESET_RANGES[preset], changes);
  return {
    ranges,
    classes: Object.fromEntries(
      Object.entries(classes).map(([label, differing]) => [label, withChanges(ranges, differing)]),
    ),
  };
}

const withChanges = (ranges: AugmentationRanges, changes: object): AugmentationRanges =>
  Ranges.parse({ ...ranges, ...changes });

/** Labels the settings speak of that no class has: most likely a slip of the pen. */
export const unknownLabels = (settings: AugmentationSettings, labels: readonly string[]): string[] =>
  Object.keys(settings.classes).filter((label) => !labels.includes(label));

/** Concrete figures for one picture. */
export interface Augmentation {
  readonly flipHorizontal: boolean;
  readonly flipVertical: boolean;
  /** 0 to 3, clockwise. */
  readonly quarterTurns: number;
  /** Clockwise. */
  readonly rotationDegrees: number;
  readonly shiftXShare: number;
  readonly shiftYShare: number;
  /** Factors; 1: unchanged. */
  readonly scale: number;
  readonly aspect: number;
  readonly outside: Outside;
  readonly contrast: number;
  readonly gamma: number;
  /** Share of the full range added. */
  readonly brightness: number;
  readonly blurSigmaPx: number;
  readonly noiseSigmaLevels: number;
  readonly noiseSeed: number;
}

/**
 * One drawing for a picture of class `label`. Takes the same number of values from `random` whatever the settings, so
 * that a change for one class leaves the others' pictures as they were.
 */
export function drawAugmentation(settings: AugmentationSettings, label: string, random: () => number): Augmentation {
  const ranges = Object.hasOwn(settings.classes, label)
    ? (settings.classes[label] ?? settings.ranges)
    : settings.ranges;
  const evenly = (most: number): number => (2 * random() - 1) * most;
  const factor = (most: number): number => (1 + most) ** (2 * random() - 1);
  const sometimes = (probability: number, most: number): number => {
    const happens = random() < probability;
    const value = random() * most;
    return happens ? value : 0;
  };
  return {
    flipHorizontal: random() < 0.5 && ranges.flipHorizontal,
    flipVertical: random() < 0.5 && ranges.flipVertical,
    quarterTurns: Math.floor(random() * 4) * (ranges.quarterTurns ? 1 : 0),
    rotationDegrees: evenly(ranges.rotationDegrees),
    shiftXShare: evenly(ranges.shiftShare),
    shiftYShare: evenly(ranges.shiftShare),
    scale: factor(ranges.scale),
    aspect: factor(ranges.aspect),
    outside: ranges.outside,
    contrast: factor(ranges.contrast),
    gamma: factor(ranges.gamma),
    brightness: evenly(ranges.brightness),
    blurSigmaPx: sometimes(ranges.blurProbability, ranges.blurSigmaPx),
    noiseSigmaLevels: sometimes(ranges.noiseProbability, ranges.noiseSigmaLevels),
    noiseSeed: Math.floor(random() * 0x1_0000_0000),
  };
}

/** The same picture without what could push a defect out of view: flips and half turns only, tone as drawn. */
export const heldInView = (augmentation: Augmentation): Augmentation => ({
  ...augmentation,
  rotationDegrees: 0,
  shiftXShare: 0,
  shiftYShare: 0,
  scale: 1,
  aspect: 1,
});

/** For the kernel, at the model's input size. */
export function pixelChangeOf(augmentation: Augmentation, size: InputSizePx): PixelChange {
  const { quarterTurns, outside, blurSigmaPx, noiseSigmaLevels, noiseSeed } = augmentation;
  const isSquare = size.widthPx === size.heightPx;
  const movement = {
    ...augmentation,
    quarterTurns: isSquare || quarterTurns % 2 === 0 ? quarterTurns : quarterTurns - 1,
    shiftXPx: augmentation.shiftXShare * size.widthPx,
    shiftYPx: augmentation.shiftYShare * size.heightPx,
  };
  return {
    map: inverseMap(movement, size),
    outside,
    blurSigmaPx,
    tone: toneTable(augmentation),
    noiseSigmaLevels,
    noiseSeed,
  };
}
