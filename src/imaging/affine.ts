import type { OutputSize } from "./resample.ts";

/** What happens to the content of an image, about its middle, in the order of the fields. */
export interface Movement {
  /** Left becomes right. */
  readonly flipHorizontal: boolean;
  /** Top becomes bottom. */
  readonly flipVertical: boolean;
  /** Turns by 90 degrees clockwise, 0 to 3; odd ones keep a square image whole. */
  readonly quarterTurns: number;
  /** Clockwise. */
  readonly rotationDegrees: number;
  /** Above 1: larger. */
  readonly scale: number;
  /** Above 1: wider and lower, the area stays. */
  readonly aspect: number;
  /** To the right and down. */
  readonly shiftXPx: number;
  readonly shiftYPx: number;
}

export const STILL: Movement = {
  flipHorizontal: false,
  flipVertical: false,
  quarterTurns: 0,
  rotationDegrees: 0,
  scale: 1,
  aspect: 1,
  shiftXPx: 0,
  shiftYPx: 0,
};

/**
 * Where an output pixel comes from, in pixels times 65,536, rounded: x * xFromX + y * xFromY + xAtOrigin across, and
 * the same down.
 */
export interface InverseMap {
  readonly xFromX: number;
  readonly xFromY: number;
  readonly xAtOrigin: number;
  readonly yFromX: number;
  readonly yFromY: number;
  readonly yAtOrigin: number;
}

const ONE = 65_536;
/** Cosine and sine of 0, 1, 2 and 3 quarter turns, exact. */
const QUARTERS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const;

/** The map that moves an image's content; flips, quarter turns and whole pixels of shift come out exact. */
export function inverseMap(movement: Movement, size: OutputSize): InverseMap {
  const { scale, aspect } = movement;
  const stretchX = scale * Math.sqrt(aspect);
  const stretchY = scale / Math.sqrt(aspect);
  const radians = (movement.rotationDegrees * Math.PI) / 180;
  const cosine = Math.cos(radians);
  const sine = Math.sin(radians);
  const [quarterCosine, quarterSine] = QUARTERS[movement.quarterTurns & 3] ?? QUARTERS[0];
  // Undone from the last step to the first: stretch, rotation, quarter turns, flips.
  const mirrorX = movement.flipHorizontal ? -1 : 1;
  const mirrorY = movement.flipVertical ? -1 : 1;
  const turnCosine = quarterCosine * cosine - quarterSine * sine;
  const turnSine = quarterSine * cosine + quarterCosine * sine;
  const xFromX = Math.round(((mirrorX * turnCosine) / stretchX) * ONE) + 0;
  const xFromY = Math.round(((mirrorX * turnSine) / stretchY) * ONE) + 0;
  const yFromX = Math.round(((mirrorY * -turnSine) / stretchX) * ONE) + 0;
  const yFromY = Math.round(((mirrorY * turnCosine) / stretchY) * ONE) + 0;
  const middleX = (size.widthPx - 1) / 2;
  const middleY = (size.heightPx - 1) / 2;
  const fromX = middleX + movement.shiftXPx;
  const fromY = middleY + movement.shiftYPx;
  return {
    xFromX,
    xFromY,
    xAtOrigin: Math.round(middleX * ONE - xFromX * fromX - xFromY * fromY),
    yFromX,
    yFromY,
    yAtOrigin: Math.round(middleY * ONE - yFromX * fromX - yFromY * fromY),
  };
}

export const isStill = (map: InverseMap): boolean =>
  map.xFromX === ONE &&
  map.yFromY === ONE &&
  map.xFromY === 0 &&
  map.yFromX === 0 &&
  map.xAtOrigin === 0 &&
  map.yAtOrigin === 0;
