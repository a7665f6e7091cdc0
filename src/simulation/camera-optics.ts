import type { Canvas } from "./canvas.ts";
import type { Dice } from "./dice.ts";
import { partDice } from "./dice.ts";
import type { DriftState, LineLighting, LineSettings } from "./line-settings.ts";
import { normalTable } from "./noise.ts";

/** Electrons behind one grey level: sets the shot noise (1.8 grey levels at 130). */
const ELECTRONS_PER_GREY = 40;
const READ_NOISE_GREY = 0.7;
const BLACK_GREY = 3;

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

function gaussianKernel(deviationPx: number): Float32Array {
  const radius = Math.max(1, Math.ceil(2.5 * deviationPx));
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, at) => Math.exp(-0.5 * ((at - radius) / deviationPx) ** 2));
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

function blurLine(from: Float32Array, to: Float32Array, kernel: Float32Array, line: { start: number; step: number; length: number }): void {
  const radius = (kernel.length - 1) / 2;
  const last = line.length - 1;
  for (let place = 0; place <= last; place++) {
    let sum = 0;
    for (let tap = -radius; tap <= radius; tap++) {
      const near = place + tap < 0 ? 0 : place + tap > last ? last : place + tap;
      sum += (kernel[tap + radius] ?? 0) * (from[line.start + near * line.step] ?? 0);
    }
    to[line.start + place * line.step] = sum;
  }
}

/** Gaussian blur of the light in place, borders repeated. */
export function blurLight(canvas: Canvas, deviationPx: number): void {
  if (deviationPx < 0.2) return;
  const { widthPx, heightPx, light } = canvas;
  const kernel = gaussianKernel(deviationPx);
  const between = new Float32Array(light.length);
  for (let y = 0; y < heightPx; y++) blurLine(light, between, kernel, { start: y * widthPx, step: 1, length: widthPx });
  for (let x = 0; x < widthPx; x++) blurLine(between, light, kernel, { start: x, step: widthPx, length: heightPx });
}

/** Light to 8-bit grey: exposure, stray light, shot and read noise, saturation at 255. */
export function exposeSensor(canvas: Canvas, settings: LineSettings, drift: DriftState, dice: Dice): Uint8Array {
  const { light } = canvas;
  const grey = settings.lighting.meanGrey * (1 - drift.lampLoss);
  // Stray light keeps the mean and takes the differences.
  const gain = grey * (1 - drift.contrastLoss);
  const veil = grey * drift.contrastLoss + BLACK_GREY;
  const normals = normalTable();
  const pixels = new Uint8Array(light.length);
  let draw = dice.whole(0, normals.length - 1);
  for (let at = 0; at < light.length; at++) {
    // A new place in the table every so often: a plain run would repeat from frame to frame.
    if ((at & 1023) === 0) draw = dice.whole(0, normals.length - 1);
    const value = (light[at] ?? 0) * gain + veil;
    const noise = normals[(draw + (at & 1023)) & (normals.length - 1)] ?? 0;
    const level = value + noise * Math.sqrt(value / ELECTRONS_PER_GREY + READ_NOISE_GREY * READ_NOISE_GREY);
    pixels[at] = level <= 0 ? 0 : level >= 255 ? 255 : Math.round(level);
  }
  return pixels;
}
