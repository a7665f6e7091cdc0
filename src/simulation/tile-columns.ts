import type { Dice } from "./dice.ts";
import { fractalNoise } from "./noise.ts";
import type { TileOutline } from "./tile-outline.ts";

/** What depends on the distance across the part only: shading of the curved face, bevels, single bright lines. */
export interface Columns {
  readonly body: Float32Array;
  readonly gloss: Float32Array;
  readonly marginPx: number;
}

function faceColumns(dice: Dice, widthPx: number, marginPx: number): { body: Float32Array; gloss: Float32Array } {
  const size = widthPx + 2 * marginPx;
  const wide = fractalNoise(dice, 2, 0.6);
  const narrow = fractalNoise(dice, 3, 0.7);
  const wideAmount = dice.between(0.1, 0.34);
  const narrowAmount = dice.between(0.02, 0.07);
  const falloff = [dice.between(0, 0.55), dice.between(0, 0.55)] as const;
  const falloffReach = dice.between(0.06, 0.2);
  const body = new Float32Array(size);
  const gloss = new Float32Array(size).fill(1);
  for (let at = 0; at < size; at++) {
    const across = (at - marginPx) / widthPx;
    const left = falloff[0] * Math.exp(-Math.max(0, across) / falloffReach);
    const right = falloff[1] * Math.exp(-Math.max(0, 1 - across) / falloffReach);
    body[at] = (1 - left - right) * (1 + wideAmount * wide(across * 2.5, 0) + narrowAmount * narrow(at / 24, 0));
  }
  const lineAmount = dice.between(0.012, 0.048);
  for (let at = 0; at < size; at++) {
    const height = Math.abs(dice.normal());
    body[at] = (body[at] ?? 0) * (1 + lineAmount * (height * height - 0.6));
  }
  const lines = dice.whole(2, 12);
  for (let line = 0; line < lines; line++) {
    const at = dice.whole(0, size - 1);
    const amount = dice.betweenLog(0.4, 3.5);
    gloss[at] = (gloss[at] ?? 0) + amount;
    if (dice.chance(0.4)) gloss[at + 1] = (gloss[at + 1] ?? 0) + amount * 0.6;
  }
  return { body, gloss };
}

/** A bevel reflects the lamp at another angle: a strip mostly brighter and glossier, with a dark crease beside it. */
function addBevel(dice: Dice, columns: Columns, edgePx: number, inwardPx: number): void {
  const wide = Math.abs(inwardPx);
  const brightness = dice.chance(0.75) ? dice.between(1.05, 1.6) : dice.between(0.45, 0.8);
  const gloss = dice.between(1, 3.5);
  const creaseDepth = dice.between(0, 0.35);
  const rolled = dice.between(2, 5);
  const ripple = fractalNoise(dice, 3, 0.7);
  for (let inside = -2; inside < wide + 4; inside += 1) {
    const at = Math.round(edgePx + columns.marginPx + Math.sign(inwardPx) * inside);
    const body = columns.body[at];
    if (body === undefined) continue;
    const strip = Math.max(0, Math.min(1, (wide - inside) / 2));
    const crease = creaseDepth * Math.exp(-(((inside - wide - 1) / 2) ** 2));
    const outerFall = inside < rolled ? 0.35 + 0.65 * Math.max(0, inside / rolled) : 1;
    const look = 1 + strip * (brightness * (1 + 0.25 * ripple(inside / 5, 0)) * outerFall - 1);
    columns.body[at] = body * look * (1 - crease);
    columns.gloss[at] = (columns.gloss[at] ?? 0) * (1 + strip * gloss);
  }
}

export function tileColumns(dice: Dice, widthPx: number, outline: TileOutline): Columns {
  const marginPx = 32;
  const columns = { ...faceColumns(dice, widthPx, marginPx), marginPx };
  if (outline.leftBevelPx > 0) addBevel(dice, columns, outline.leftPx, outline.leftBevelPx);
  if (outline.rightBevelPx > 0) addBevel(dice, columns, outline.rightPx, -outline.rightBevelPx);
  return columns;
}
