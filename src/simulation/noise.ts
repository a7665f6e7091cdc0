import type { Dice } from "./dice.ts";
import { rollDice } from "./dice.ts";

/** Smooth random value in about [-1, 1] at any point of the plane (or of a line, with `y` = 0). */
export type SmoothNoise = (x: number, y: number) => number;

function lattice(seed: number, x: number, y: number): number {
  let mixed = Math.imul(x ^ seed, 0x27d4eb2d) ^ Math.imul(y + 0x165667b1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2147483648 - 1;
}

const smoothStep = (t: number): number => t * t * (3 - 2 * t);

/** Value noise: random lattice values, smoothly interpolated; features are about one unit wide. */
export function valueNoise(dice: Dice): SmoothNoise {
  const seed = dice.whole(0, 0x7fffffff);
  return (x, y) => {
    const column = Math.floor(x);
    const row = Math.floor(y);
    const across = smoothStep(x - column);
    const down = smoothStep(y - row);
    const top = lattice(seed, column, row) * (1 - across) + lattice(seed, column + 1, row) * across;
    const bottom = lattice(seed, column, row + 1) * (1 - across) + lattice(seed, column + 1, row + 1) * across;
    return top * (1 - down) + bottom * down;
  };
}

/** Octaves of value noise, each at twice the frequency and `gain` times the amplitude of the one before. */
export function fractalNoise(dice: Dice, octaves: number, gain: number): SmoothNoise {
  const layers = Array.from({ length: octaves }, () => valueNoise(dice));
  return (x, y) => {
    let sum = 0;
    let amplitude = 1;
    let frequency = 1;
    for (const layer of layers) {
      sum += amplitude * layer(x * frequency, y * frequency);
      amplitude *= gain;
      frequency *= 2;
    }
    return sum;
  };
}

/** Standard normal values; read in runs from a random start they make pixel noise at the price of a look-up. */
const NORMAL_COUNT = 1 << 16;
let normals: Float32Array | undefined;

export function normalTable(): Float32Array {
  if (normals === undefined) {
    const dice = rollDice(0x5eed);
    normals = Float32Array.from({ length: NORMAL_COUNT }, () => dice.normal());
  }
  return normals;
}
