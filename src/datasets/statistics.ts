import { quantile } from "../statistics/intervals.ts";
import { itemOf, versionOfItems } from "./items.ts";
import { nearDuplicates } from "./near-duplicates.ts";
import { SPLIT_COLUMN } from "./split.ts";
import type { SurveyedImage } from "./survey.ts";
import { isSynthetic } from "./synthetic.ts";

/** Five figures of a distribution. */
export interface Spread {
  readonly least: number;
  readonly low: number;
  readonly median: number;
  readonly high: number;
  readonly most: number;
}

export interface ClassStatistics {
  readonly label: string;
  readonly frames: number;
  readonly parts: number;
  readonly synthetic: number;
  /** Frames whose defects are marked by boxes or a mask, or that are marked as free of them. */
  readonly marked: number;
  readonly boxes: number;
  readonly brightness: Spread;
  readonly sharpness: Spread;
}

/** Two files that show the same thing under two parts. */
export interface FilePair {
  readonly first: string;
  readonly second: string;
  readonly parts: readonly [string, string];
}

export interface Leak {
  /** What lies on both sides of the `split` column. */
  readonly kind: "part" | "same file" | "near-duplicate";
  readonly what: string;
  readonly sides: readonly string[];
}

export interface DatasetStatistics {
  readonly version: string;
  readonly frames: number;
  readonly parts: number;
  readonly classes: readonly ClassStatistics[];
  readonly sizes: readonly { readonly widthPx: number; readonly heightPx: number; readonly frames: number }[];
  /** Parts whose frames have several labels. */
  readonly mixedParts: readonly string[];
  readonly nearDuplicates: readonly FilePair[];
  readonly sameFiles: readonly FilePair[];
  /** Sides of the `split` column with their frames; empty where there is none. */
  readonly sides: readonly { readonly side: string; readonly frames: number; readonly parts: number }[];
  readonly leaks: readonly Leak[];
}

/** More of a kind help nobody. */
const MOST_PAIRS = 1000;

/** What a data set holds, and what would make figures from it too good. */
export function datasetStatistics(images: readonly SurveyedImage[]): DatasetStatistics {
  const classes = [...Map.groupBy(images, ({ image }) => image.label)].map(classStatistics);
  const near = nearDuplicates(
    images.map(({ print }) => print),
    (first, second) => {
      const [one, other] = [images[first], images[second]];
      return one !== undefined && other !== undefined && one.part !== other.part && one.sha256 !== other.sha256;
    },
    MOST_PAIRS,
  ).flatMap(({ first, second }) => pairOf(images[first], images[second]));
  const same = sameFiles(images);
  return {
    version: versionOfItems(
      images.map(({ image, sha256, part }) => itemOf(image, sha256, part === image.file ? sha256 : part)),
    ),
    frames: images.length,
    parts: new Set(images.map(({ part }) => part)).size,
    classes: classes.sort((one, other) => (one.label < other.label ? -1 : 1)),
    sizes: sizesOf(images),
    mixedParts: [...Map.groupBy(images, ({ part }) => part)]
      .filter(([, frames]) => new Set(frames.map(({ image }) => image.label)).size > 1)
      .map(([part]) => part),
    nearDuplicates: near.map(({ pair }) => pair),
    sameFiles: same.filter(({ one, other }) => one.part !== other.part).map(({ pair }) => pair),
    ...sidesOf(images, [
      ...same.map((found) => ({ ...found, kind: "same file" as const })),
      ...near.map((found) => ({ ...found, kind: "near-duplicate" as const })),
    ]),
  };
}

interface FoundPair {
  readonly one: SurveyedImage;
  readonly other: SurveyedImage;
  readonly pair: FilePair;
}

const pairOf = (one: SurveyedImage | undefined, other: SurveyedImage | undefined): FoundPair[] =>
  one === undefined || other === undefined
    ? []
    : [{ one, other, pair: { first: one.image.file, second: other.image.file, parts: [one.part, other.part] } }];

function sameFiles(images: readonly SurveyedImage[]): FoundPair[] {
  const groups = [...Map.groupBy(images, ({ sha256 }) => sha256).values()];
  return groups.flatMap(([first, ...others]) => others.flatMap((other) => pairOf(first, other))).slice(0, MOST_PAIRS);
}

function classStatistics([label, frames]: [string, SurveyedImage[]]): ClassStatistics {
  return {
    label,
    frames: frames.length,
    parts: new Set(frames.map(({ part }) => part)).size,
    synthetic: frames.filter(({ image }) => isSynthetic(image)).length,
    marked: frames.filter(({ image }) => image.boxes !== null || image.maskPath !== null).length,
    boxes: frames.reduce((sum, { image }) => sum + (image.boxes?.length ?? 0), 0),
    brightness: spreadOf(frames.map(({ brightness }) => brightness)),
    sharpness: spreadOf(frames.map(({ sharpness }) => sharpness)),
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => Math.round(100 * quantile(sorted, share)) / 100;
  return { least: at(0), low: at(0.1), median: at(0.5), high: at(0.9), most: at(1) };
}

function sizesOf(images: readonly SurveyedImage[]): DatasetStatistics["sizes"] {
  const counts = [...Map.groupBy(images, ({ widthPx, heightPx }) => `${widthPx}x${heightPx}`).values()];
  return counts
    .flatMap((frames) => {
      const [first] = frames;
      return first === undefined ? [] : [{ widthPx: first.widthPx, heightPx: first.heightPx, frames: frames.length }];
    })
    .sort((one, other) => other.frames - one.frames || other.widthPx - one.widthPx || other.heightPx - one.heightPx);
}

const sideIn = ({ image }: SurveyedImage): string => image.metadata[SPLIT_COLUMN] ?? "";

function sidesOf(
  images: readonly SurveyedImage[],
  pairs: readonly (FoundPair & { readonly kind: "same file" | "near-duplicate" })[],
): Pick<DatasetStatistics, "sides" | "leaks"> {
  const split = images.filter((image) => sideIn(image) !== "");
  const sides = [...Map.groupBy(split, sideIn)].map(([side, frames]) => {
    return { side, frames: frames.length, parts: new Set(frames.map(({ part }) => part)).size };
  });
  const torn = [...Map.groupBy(split, ({ part }) => part)].flatMap(([part, frames]): Leak[] => {
    const found = [...new Set(frames.map(sideIn))].sort();
    return found.length < 2 ? [] : [{ kind: "part", what: part, sides: found }];
  });
  const across = pairs.flatMap(({ one, other, kind, pair }): Leak[] => {
    const found = [sideIn(one), sideIn(other)];
    if (found.includes("") || found[0] === found[1]) return [];
    return [{ kind, what: `${pair.first} and ${pair.second}`, sides: found }];
  });
  return { sides: sides.sort((one, other) => (one.side < other.side ? -1 : 1)), leaks: [...torn, ...across] };
}
