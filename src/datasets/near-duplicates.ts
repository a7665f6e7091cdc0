import type { Image } from "../imaging/image.ts";
import { meanCells } from "./mean-cells.ts";

/** A picture as a 64-bit difference hash, and its coarse picture to compare more closely. */
export interface Fingerprint {
  /** Two words of 32 bits; of little meaning for a picture without structure. */
  readonly hash: readonly [number, number];
  /** [GRID * GRID] mean grey of every cell, 0 to 255. */
  readonly cells: Float32Array;
  /** Standard deviation of the cells, levels. */
  readonly contrast: number;
}

export interface DuplicatePair {
  readonly first: number;
  readonly second: number;
}

const GRID = 32;
const HASH_ROWS = 8;
/** Bits of 64 that may differ; at least one of its four 16-bit bands is then equal. */
const MAX_HASH_DISTANCE = 3;
/** Below this many levels a picture is plain: all plain pictures look alike. */
const LEAST_CONTRAST = 4;
/** Mean difference of the cells as a share of the contrast up to which two pictures count as the same one. */
const MAX_DIFFERENCE_SHARE = 0.08;

/** Difference hash of 9x8 mean values (Krawetz, "Kind of Like That", 2013) and a 32x32 picture. */
export function fingerprint(canvas: Image): Fingerprint {
  const cells = meanCells(canvas, GRID, GRID);
  const rows = meanCells(canvas, HASH_ROWS + 1, HASH_ROWS);
  const hash: [number, number] = [0, 0];
  for (let row = 0; row < HASH_ROWS; row++) {
    for (let column = 0; column < HASH_ROWS; column++) {
      const at = row * (HASH_ROWS + 1) + column;
      const isBrighter = (rows[at] ?? 0) < (rows[at + 1] ?? 0);
      const word = row < HASH_ROWS / 2 ? 0 : 1;
      hash[word] = (hash[word] << 1) | (isBrighter ? 1 : 0);
    }
  }
  let sum = 0;
  let squares = 0;
  for (const cell of cells) {
    sum += cell;
    squares += cell * cell;
  }
  const contrast = Math.sqrt(Math.max(0, squares / cells.length - (sum / cells.length) ** 2));
  return { hash, cells, contrast };
}

/**
 * Pairs of near-identical pictures, `first` before `second`, of which `mayPair` lets through. Found by hash, confirmed
 * by the coarse picture, since parts that lie alike before a camera have equal hashes without being the same part. Ends
 * after `most` pairs: of pictures that are all alike there are as many pairs as their number squared.
 */
export function nearDuplicates(
  prints: readonly Fingerprint[],
  mayPair: (first: number, second: number) => boolean,
  most = Infinity,
): DuplicatePair[] {
  const bands = new Map<number, number[]>();
  const pairs: DuplicatePair[] = [];
  for (const [second, print] of prints.entries()) {
    if (print.contrast < LEAST_CONTRAST) continue;
    const seen = new Set<number>();
    for (const [band, bits] of bandsOf(print).entries()) {
      const key = band * 65_536 + bits;
      const bucket = bands.get(key) ?? [];
      for (const first of bucket) {
        const other = prints[first];
        if (other === undefined || seen.has(first) || !mayPair(first, second)) continue;
        seen.add(first);
        if (isSamePicture(other, print)) pairs.push({ first, second });
        if (pairs.length >= most) return pairs;
      }
      bucket.push(second);
      bands.set(key, bucket);
    }
  }
  return pairs;
}

const bandsOf = ({ hash: [upper, lower] }: Fingerprint): number[] => [
  upper >>> 16,
  upper & 0xffff,
  lower >>> 16,
  lower & 0xffff,
];

function isSamePicture(one: Fingerprint, other: Fingerprint): boolean {
  const distance = bitCount(one.hash[0] ^ other.hash[0]) + bitCount(one.hash[1] ^ other.hash[1]);
  if (distance > MAX_HASH_DISTANCE) return false;
  let difference = 0;
  for (let cell = 0; cell < one.cells.length; cell++) {
    difference += Math.abs((one.cells[cell] ?? 0) - (other.cells[cell] ?? 0));
  }
  return difference / one.cells.length <= MAX_DIFFERENCE_SHARE * Math.min(one.contrast, other.contrast);
}

function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
