import { seededRandom } from "../platform/random.ts";

/** Independent streams of chance of one part: drawing more from one leaves the others as they are. */
export const STREAMS = { plan: 1, surface: 2, marks: 3, defect: 4, sensor: 5, lens: 6 } as const;
export type Stream = keyof typeof STREAMS;

/** A deterministic source of chance with the few distributions the renderer draws from. */
export interface Dice {
  /** Uniform in [0, 1). */
  unit(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Uniform in the logarithm: as many small values as large ones. */
  betweenLog(low: number, high: number): number;
  /** Integer in [low, high]. */
  whole(low: number, high: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  chance(probability: number): boolean;
  /** -1 or 1. */
  sign(): number;
}

/** Three 32-bit words to one, so that neighbouring seeds, parts and streams share nothing (murmur3 finaliser). */
export function mixSeed(seed: number, index: number, stream: number): number {
  let mixed = 0;
  for (const word of [seed, index, stream]) {
    mixed = Math.imul(mixed ^ (word + 0x9e3779b9), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
  }
  return mixed >>> 0;
}

export function rollDice(seed: number): Dice {
  const unit = seededRandom(seed);
  return {
    unit,
    between: (low, high) => low + (high - low) * unit(),
    betweenLog: (low, high) => low * (high / low) ** unit(),
    whole: (low, high) => low + Math.floor(unit() * (high - low + 1)),
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
    chance: (probability) => unit() < probability,
    sign: () => (unit() < 0.5 ? -1 : 1),
  };
}

export const partDice = (seed: number, index: number, stream: Stream): Dice =>
  rollDice(mixSeed(seed, index, STREAMS[stream]));
