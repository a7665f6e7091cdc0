import type { Image } from "../imaging/image.ts";
import { meanCells } from "./mean-cells.ts";

/** What a surface looks like in the small, whatever the light: scratches, stains, grain. */
export interface SurfacePrint {
  /** [CELLS * CELLS] local contrast, without what rows and columns share, in standard deviations. */
  readonly cells: Float32Array;
  /** Width by height of the picture it was made from. */
  readonly aspect: number;
}

export interface Lookalikes {
  readonly first: number;
  readonly second: number;
  /** Correlation of the two surfaces, LEAST_CORRELATION to 1. */
  readonly correlation: number;
}

const CELLS = 64;
/** Cells at the edge are not compared: there the parts end, each alike. */
const EDGE = 4;
/** Two cuts of one picture may lie this far from each other. */
const MOST_SHIFT = 2;
/** Below this without a shift, no small shift makes two surfaces one. */
const WORTH_SHIFTING = 0.15;
/** Surroundings a cell is compared with: a square of 2 * SURROUNDINGS + 1 cells. */
const SURROUNDINGS = 3;
const MOST_DEVIATIONS = 3;
/** As a ratio. */
const MOST_ASPECT_DIFFERENCE = 1.28;
/**
 * Of 935 magnet tiles, part ids that a person takes for one part have pictures that correlate with 0.60 or more, the first two
 * ids that show two parts with 0.49; of pictures under one id the median is 0.66.
 */
const LEAST_CORRELATION = 0.56;
/** Keeps the local contrast of black places finite, levels. */
const DARK_LEVELS = 10;

/** Neighbours in a line of cells are `step` apart in memory, lines `line`. */
interface Lines {
  readonly step: number;
  readonly line: number;
}
const ROWS: Lines = { step: 1, line: CELLS };
const COLUMNS: Lines = { step: CELLS, line: 1 };

/** See SurfacePrint. A part's own shading and a tool's streaks are taken out: all parts of a kind share them. */
export function surfacePrint(canvas: Image, aspect: number): SurfacePrint {
  const grey = meanCells(canvas, CELLS, CELLS);
  const around = lineMeans(lineMeans(grey, ROWS), COLUMNS);
  const cells = grey.map((value, at) => (value - (around[at] ?? 0)) / ((around[at] ?? 0) + DARK_LEVELS));
  takeOffMeans(cells, ROWS);
  takeOffMeans(cells, COLUMNS);
  const deviation = Math.sqrt(cells.reduce((sum, value) => sum + value * value, 0) / cells.length);
  if (deviation === 0) return { cells, aspect };
  return { cells: cells.map((value) => clamp(value / deviation)), aspect };
}

const clamp = (value: number): number => Math.max(-MOST_DEVIATIONS, Math.min(MOST_DEVIATIONS, value));

/** Of every line of cells, `step` apart in it, the mean over the surroundings; at its ends over what there is. */
function lineMeans(cells: Float32Array, { step }: Lines): Float32Array {
  return cells.map((_, at) => {
    const place = Math.floor(at / step) % CELLS;
    const origin = at - place * step;
    const first = Math.max(0, place - SURROUNDINGS);
    const last = Math.min(CELLS - 1, place + SURROUNDINGS);
    return lineSum(cells, origin + first * step, step, last - first + 1) / (last - first + 1);
  });
}

function takeOffMeans(cells: Float32Array, { step, line }: Lines): void {
  for (let number = 0; number < CELLS; number++) {
    const mean = lineSum(cells, number * line, step, CELLS) / CELLS;
    for (let cell = 0; cell < CELLS; cell++) {
      const at = number * line + cell * step;
      cells[at] = (cells[at] ?? 0) - mean;
    }
  }
}

function lineSum(cells: Float32Array, from: number, step: number, count: number): number {
  let sum = 0;
  for (let cell = 0; cell < count; cell++) sum += cells[from + cell * step] ?? 0;
  return sum;
}

/**
 * Pairs of pictures that show the same surface, `first` before `second`, of which `mayPair` lets through: every picture
 * is held against every other, 2 to 3 s for 1,000. Only for parts with a surface of their own: of parts that look all alike
 * every pair is one.
 */
export function lookalikes(
  prints: readonly SurfacePrint[],
  mayPair: (first: number, second: number) => boolean,
): Lookalikes[] {
  const inner = prints.map(({ cells }) => normalised(cells));
  const pairs: Lookalikes[] = [];
  for (const [second, print] of prints.entries()) {
    const own = inner[second];
    if (own === undefined) continue;
    for (let first = 0; first < second; first++) {
      const other = prints[first];
      const others = inner[first];
      if (other === undefined || others === undefined || !haveOneShape(other, print) || !mayPair(first, second))
        continue;
      if (dot(others, own) < WORTH_SHIFTING) continue;
      const correlation = bestCorrelation(other.cells, print.cells);
      if (correlation >= LEAST_CORRELATION) pairs.push({ first, second, correlation });
    }
  }
  return pairs;
}

const haveOneShape = (one: SurfacePrint, other: SurfacePrint): boolean =>
  Math.max(one.aspect / other.aspect, other.aspect / one.aspect) <= MOST_ASPECT_DIFFERENCE;

const INNER = CELLS - 2 * EDGE;

/** The cells inside the edge, of length 1 as a vector; all 0 for a plain picture. */
function normalised(cells: Float32Array): Float32Array {
  const inner = new Float32Array(INNER * INNER);
  for (let row = 0; row < INNER; row++) {
    const from = (row + EDGE) * CELLS + EDGE;
    inner.set(cells.subarray(from, from + INNER), row * INNER);
  }
  const length = Math.sqrt(dot(inner, inner));
  return length === 0 ? inner : inner.map((value) => value / length);
}

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}

function bestCorrelation(one: Float32Array, other: Float32Array): number {
  let best = -1;
  for (let down = -MOST_SHIFT; down <= MOST_SHIFT; down++) {
    for (let right = -MOST_SHIFT; right <= MOST_SHIFT; right++) {
      best = Math.max(best, shiftedCorrelation(one, other, down * CELLS + right));
    }
  }
  return best;
}

function shiftedCorrelation(one: Float32Array, other: Float32Array, shift: number): number {
  let both = 0;
  let first = 0;
  let second = 0;
  for (let row = EDGE; row < CELLS - EDGE; row++) {
    for (let at = row * CELLS + EDGE; at < row * CELLS + CELLS - EDGE; at++) {
      const value = one[at] ?? 0;
      const shifted = other[at + shift] ?? 0;
      both += value * shifted;
      first += value * value;
      second += shifted * shifted;
    }
  }
  return first === 0 || second === 0 ? 0 : both / Math.sqrt(first * second);
}
