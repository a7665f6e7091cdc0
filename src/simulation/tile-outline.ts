import type { Dice } from "./dice.ts";
import { fractalNoise } from "./noise.ts";

/** Where the part lies in the frame. The frame is cropped to the part, so an edge often lies outside it. */
export interface TileOutline {
  /** Sideways shift of the part at a given row: sub-pixel position and the small rotation. */
  readonly shiftPx: (y: number) => number;
  readonly topPx: (x: number) => number;
  readonly bottomPx: (x: number) => number;
  readonly leftPx: number;
  readonly rightPx: number;
  /** Width of the bevelled strips along the sides; 0 where the part has none in view. */
  readonly leftBevelPx: number;
  readonly rightBevelPx: number;
  readonly notches: readonly Notch[];
}

/** A rounded dark corner: the radius of the mould, or the clamp. */
export interface Notch {
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
}

const outsideFrame = (dice: Dice): number => -dice.between(6, 30);

interface Lengthwise {
  readonly widthPx: number;
  readonly scale: number;
  readonly slope: number;
}

/** The upper border as a height over x, measured from the frame's edge inwards: an arc with a slightly rough line. */
function border(dice: Dice, { widthPx, scale, slope }: Lengthwise): (x: number) => number {
  const visible = dice.chance(0.5);
  const insetPx = visible ? dice.between(-3, 7) * scale : outsideFrame(dice);
  const arcPx = visible ? dice.between(-5, 12) * scale : 0;
  const rough = fractalNoise(dice, 3, 0.6);
  return (x) => {
    const across = (2 * x) / widthPx - 1;
    return insetPx + arcPx * (1 - across * across) + slope * (x - widthPx / 2) + 0.45 * rough(x / 14, 0);
  };
}

function notches(dice: Dice, widthPx: number, heightPx: number, scale: number): Notch[] {
  const found: Notch[] = [];
  const perCorner = dice.chance(0.25) ? 0.6 : 0;
  for (const x of [0, widthPx]) {
    for (const y of [0, heightPx]) {
      if (!dice.chance(perCorner)) continue;
      found.push({
        x: x + dice.between(-6, 6) * scale,
        y: y + dice.between(-3, 3) * scale,
        radiusX: dice.between(12, 34) * scale,
        radiusY: dice.between(7, 15) * scale,
      });
    }
  }
  return found;
}

/** `scale`: the frame's size against the photographs' (1 at about 288x336); lengths grow with it, texture does not. */
export function tileOutline(dice: Dice, widthPx: number, heightPx: number, scale: number): TileOutline {
  const slope = 0.008 * dice.normal();
  const offsetPx = dice.between(-1.5, 1.5);
  const lengthwise = { widthPx, scale, slope };
  const upper = border(dice, lengthwise);
  const lower = border(dice, { ...lengthwise, slope: -slope });
  const leftSeen = dice.chance(0.6);
  const rightSeen = dice.chance(0.6);
  const bevel = (seen: boolean): number => (seen && dice.chance(0.8) ? dice.between(9, 24) * scale : 0);
  return {
    shiftPx: (y) => offsetPx - slope * (y - heightPx / 2),
    topPx: upper,
    bottomPx: (x) => heightPx - lower(x),
    leftPx: leftSeen ? dice.between(-4, 5) * scale : outsideFrame(dice),
    rightPx: widthPx - (rightSeen ? dice.between(-4, 5) * scale : outsideFrame(dice)),
    leftBevelPx: bevel(leftSeen),
    rightBevelPx: bevel(rightSeen),
    notches: notches(dice, widthPx, heightPx, scale),
  };
}

/** Signed distance to the nearest notch, negative inside it, px; large where the part has none. */
export function notchDistance(outline: TileOutline, x: number, y: number): number {
  let nearest = 1e3;
  for (const notch of outline.notches) {
    if (Math.abs(x - notch.x) > notch.radiusX + 8 || Math.abs(y - notch.y) > notch.radiusY + 8) continue;
    const dx = (x - notch.x) / notch.radiusX;
    const dy = (y - notch.y) / notch.radiusY;
    // A squared-off ellipse: the notches have flat bottoms.
    const distance =
      ((Math.abs(dx) ** 2.6 + Math.abs(dy) ** 2.6) ** (1 / 2.6) - 1) * Math.min(notch.radiusX, notch.radiusY);
    if (distance < nearest) nearest = distance;
  }
  return nearest;
}
