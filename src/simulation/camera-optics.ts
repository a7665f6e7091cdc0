import type { Canvas } from "./canvas.ts";
import type { Dice } from "./dice.ts";
import { partDice } from "./dice.ts";
import type { DriftState, LineLighting } from "./line-settings.ts";
import { normalTable } from "./noise.ts";

/** Electrons behind one grey level: sets the shot noise (1.8 grey levels at 130). */
const ELECTRONS_PER_GREY = 40;
const READ_NOISE_GREY = 0.7;
const BLACK_GREY = 3;
const NOISE_RUN = 1024;

/** Unevenness of the lamp and the lens, fixed for the line: multiplies the light. */
export function applyLamp(canvas: Canvas, lighting: LineLighting, seed: number): void {
  const { widthPx, heightPx, light } = canvas;
  const direction = partDice(seed, 0, "lens").between(0, 2 * Math.PI);
  const slopeX = (lighting.gradient * Math.cos(direction)) / widthPx;
  const slopeY = (lighting.gradient * Math.sin(direction)) / heightPx;
  const across = Float32Array.from({ length: widthPx }, (_, x) => ((2 * x) / widthPx - 1) ** 2 / 2);
  for (let y = 0; y < heightPx; y++) {
    const down = ((2 * y) / heightPx - 1) ** 2 / 2;
    const tilt = 1 + slopeY * (y - heightPx / 2);
    for (let x = 0; x < widthPx; x++) {
      const at = y * widthPx + x;
      const lamp = tilt + slopeX * (x - widthPx / 2);
      light[at] = (light[at] ?? 0) * lamp * (1 - lighting.vignetting * (down + (across[x] ?? 0)));
    }
  }
}

/** Dust in front of the lens: soft dark discs, the first `count` of the line's own sequence. */
export function applyDust(canvas: Canvas, seed: number, count: number): void {
  const { widthPx, heightPx, light } = canvas;
  const dice = partDice(seed, 1, "lens");
  for (let spot = 0; spot < count; spot++) {
    const centreX = dice.between(0, widthPx);
    const centreY = dice.between(0, heightPx);
    const radius = dice.between(2.5, 8);
    const depth = dice.between(0.15, 0.5);
    const reach = radius * 1.8;
    for (let y = Math.max(0, Math.ceil(centreY - reach)); y < Math.min(heightPx, centreY + reach); y++) {
      for (let x = Math.max(0, Math.ceil(centreX - reach)); x < Math.min(widthPx, centreX + reach); x++) {
        const away = Math.hypot(x - centreX, y - centreY) / radius;
        const at = y * widthPx + x;
        light[at] = (light[at] ?? 0) * (1 - depth / (1 + away ** 6));
      }
    }
  }
}

/** Half of a symmetric kernel: the centre's weight first. Taps under a thousandth are left out. */
function gaussianTaps(deviationPx: number): Float32Array {
  const radius = Math.max(1, Math.ceil(3.3 * deviationPx - 0.5));
  const taps = Float32Array.from({ length: radius + 1 }, (_, away) => Math.exp(-0.5 * (away / deviationPx) ** 2));
  const sum = taps.reduce((total, weight) => total + 2 * weight, -1);
  return taps.map((weight) => weight / sum);
}

/** `to` += the rows `away` above and below each row, weighted; row by row, so that memory is read in order. */
function addRows(from: Float32Array, to: Float32Array, widthPx: number, tap: { away: number; weight: number }): void {
  const rows = from.length / widthPx;
  for (let y = 0; y < rows; y++) {
    const above = Math.max(0, y - tap.away) * widthPx;
    const below = Math.min(rows - 1, y + tap.away) * widthPx;
    const at = y * widthPx;
    for (let x = 0; x < widthPx; x++)
      to[at + x] = (to[at + x] ?? 0) + tap.weight * ((from[above + x] ?? 0) + (from[below + x] ?? 0));
  }
}

function addColumns(
  from: Float32Array,
  to: Float32Array,
  widthPx: number,
  tap: { away: number; weight: number },
): void {
  for (let start = 0; start < from.length; start += widthPx) {
    for (let x = 0; x < widthPx; x++) {
      const left = from[start + (x < tap.away ? 0 : x - tap.away)] ?? 0;
      const right = from[start + (x + tap.away >= widthPx ? widthPx - 1 : x + tap.away)] ?? 0;
      to[start + x] = (to[start + x] ?? 0) + tap.weight * (left + right);
    }
  }
}

/** Gaussian blur of the light in place, borders repeated. */
export function blurLight(canvas: Canvas, deviationPx: number): void {
  const { widthPx, light } = canvas;
  const [centre = 1, ...taps] = gaussianTaps(deviationPx);
  for (const addLines of [addColumns, addRows]) {
    const sharp = light.slice();
    for (let at = 0; at < light.length; at++) light[at] = centre * (light[at] ?? 0);
    for (const [at, weight] of taps.entries()) addLines(sharp, light, widthPx, { away: at + 1, weight });
  }
}

/** Light to 8-bit grey: exposure, stray light, shot and read noise, saturation at 255. */
export function exposeSensor(canvas: Canvas, meanGrey: number, drift: DriftState, dice: Dice): Uint8Array {
  const { light } = canvas;
  // Parts differ in reflectance, exposures do not.
  const grey = meanGrey * Math.exp(0.12 * dice.normal()) * (1 - drift.lampLoss);
  // Stray light keeps the mean and takes the differences.
  const gain = grey * (1 - drift.contrastLoss);
  const veil = grey * drift.contrastLoss + BLACK_GREY;
  const normals = normalTable();
  const pixels = new Uint8Array(light.length);
  const readVariance = READ_NOISE_GREY * READ_NOISE_GREY;
  for (let start = 0; start < light.length; start += NOISE_RUN) {
    // A new place in the table for every run: one long run would repeat from frame to frame.
    const draw = dice.whole(0, normals.length - 1 - NOISE_RUN);
    const stop = Math.min(light.length, start + NOISE_RUN);
    for (let at = start, drawn = draw; at < stop; at++, drawn++) {
      const value = (light[at] ?? 0) * gain + veil;
      const level = value + (normals[drawn] ?? 0) * Math.sqrt(value / ELECTRONS_PER_GREY + readVariance);
      pixels[at] = level <= 0 ? 0 : level >= 255 ? 255 : level + 0.5;
    }
  }
  return pixels;
}
