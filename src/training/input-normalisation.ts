import { SightlineError } from "../contracts/errors.ts";

/** What a network was trained to see: (pixel - mean) * scale, pixel in 0..255; one value, or one for red, green, blue. */
export interface InputNormalisation {
  readonly mean: number | readonly number[];
  readonly scale: number | readonly number[];
}

/** MobileNet and its kin: pixels mapped to [-1, 1]. */
export const SYMMETRIC_INPUT = { mean: 127.5, scale: 1 / 127.5 } as const;

const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_DEVIATION = [0.229, 0.224, 0.225];

/** Torchvision's networks: pixels / 255, less ImageNet's mean, by its standard deviation. */
export const IMAGENET_INPUT: InputNormalisation = {
  mean: IMAGENET_MEAN.map((mean) => mean * 255),
  scale: IMAGENET_DEVIATION.map((deviation) => 1 / (255 * deviation)),
};

/**
 * Reads `--base-mean` and `--base-scale`: one number, or three with commas (red, green, blue), in pixel values of
 * 0..255; or the word imagenet. Both are given or neither, which gives SYMMETRIC_INPUT. Throws a USAGE error.
 */
export function parseNormalisation(mean: string | undefined, scale: string | undefined): InputNormalisation {
  if (mean === undefined && scale === undefined) return SYMMETRIC_INPUT;
  const one =
    mean === undefined ? "--base-scale is given without --base-mean" : "--base-mean is given without --base-scale";
  if (mean === undefined || scale === undefined) throw new SightlineError("USAGE", `${one}; the base expects both`);
  const means = mean === "imagenet" ? IMAGENET_INPUT.mean : numbers(mean, "--base-mean");
  const scales = scale === "imagenet" ? IMAGENET_INPUT.scale : numbers(scale, "--base-scale");
  if ([scales].flat().some((value) => value <= 0))
    throw new SightlineError(
      "USAGE",
      `--base-scale ${scale}: a scale is greater than 0, as in 0.0078 for pixels to [-1, 1]`,
    );
  return { mean: means, scale: scales };
}

function numbers(text: string, option: string): number | readonly number[] {
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  const [only = Number.NaN] = values;
  if (values.every(Number.isFinite) && values.length === 1) return only;
  if (values.every(Number.isFinite) && values.length === 3) return values;
  throw new SightlineError(
    "USAGE",
    `${option} ${text}: give one number, three with commas (red, green, blue) or imagenet`,
  );
}

/** One value where all channels share it, else three. Throws an Error for another number of values. */
export function channelValues(values: number | readonly number[]): Float32Array {
  const list = [values].flat();
  if (list.length !== 1 && list.length !== 3)
    throw new Error(`${list.length} values for the 3 channels red, green, blue`);
  return new Set(list).size === 1 ? Float32Array.of(list[0] ?? 0) : Float32Array.from(list);
}
