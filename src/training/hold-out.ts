import { SightlineError } from "../contracts/errors.ts";
import { seededRandom, shuffle } from "../platform/random.ts";
import type { Grouped } from "../statistics/group-folds.ts";

interface Part {
  readonly group: string;
  /** [classes] */
  readonly counts: readonly number[];
  readonly size: number;
}

/** Up to this many parts every choice is looked at. */
const EXHAUSTIVE_PARTS = 14;
/** Exchanges of two parts are tried up to this many. */
const EXCHANGE_PARTS = 1000;
const MAX_ROUNDS = 10;
/** Outweighs any deviation of a share: a class must not be missing on a side when it could be on both. */
const MISSING_CLASS_COST = 10;

/**
 * Indices of the items held out for validation: whole parts, of every class about `share` (0 to 1) of the items, chosen
 * so that the held-out shares of the classes and of all items come closest to it. Parts may differ in size without
 * limit: of few parts every choice is looked at, of many a greedy choice is improved by single moves and exchanges.
 * The same seed gives the same choice. Throws SightlineError DATA_INVALID when there is only one part.
 */
export function holdOutParts(items: readonly Grouped[], share: number, seed: number): number[] {
  if (!(share > 0 && share < 1)) throw new RangeError(`a share of ${share} is not between 0 and 1`);
  const labels = [...new Set(items.map(({ label }) => label))].sort();
  const parts = shuffle(partsOf(items, labels), seededRandom(seed));
  if (parts.length < 2) {
    throw new SightlineError("DATA_INVALID", "all images are of one part, so none can be held out; add parts");
  }
  const balance = new HoldOutBalance(parts, labels.length, share);
  if (parts.length <= EXHAUSTIVE_PARTS) chooseFromAll(balance);
  else chooseGreedily(balance);
  const heldOut = new Set(parts.filter((_, part) => balance.chosen[part] === 1).map(({ group }) => group));
  return [...items.keys()].filter((index) => heldOut.has(items[index]?.group ?? ""));
}

/** A choice of parts and what it costs; moves are cheap. */
class HoldOutBalance {
  readonly chosen: Uint8Array;
  readonly parts: readonly Part[];
  private readonly share: number;
  private readonly heldOut: Float64Array;
  private readonly totals: Float64Array;
  /** Parts that show the class. */
  private readonly partsOfClass: Float64Array;
  private readonly heldOutPartsOfClass: Float64Array;
  private heldOutSize = 0;
  private readonly size: number;

  constructor(parts: readonly Part[], classCount: number, share: number) {
    this.parts = parts;
    this.share = share;
    this.chosen = new Uint8Array(parts.length);
    this.heldOut = new Float64Array(classCount);
    this.totals = new Float64Array(classCount);
    this.partsOfClass = new Float64Array(classCount);
    this.heldOutPartsOfClass = new Float64Array(classCount);
    for (const { counts } of parts) {
      counts.forEach((count, label) => {
        this.totals[label] = (this.totals[label] ?? 0) + count;
        if (count > 0) this.partsOfClass[label] = (this.partsOfClass[label] ?? 0) + 1;
      });
    }
    this.size = parts.reduce((sum, part) => sum + part.size, 0);
  }

  /** Moves a part to the other side. */
  move(index: number): void {
    const part = this.parts[index];
    if (part === undefined) return;
    const sign = this.chosen[index] === 1 ? -1 : 1;
    this.chosen[index] = sign === 1 ? 1 : 0;
    this.heldOutSize += sign * part.size;
    part.counts.forEach((count, label) => {
      this.heldOut[label] = (this.heldOut[label] ?? 0) + sign * count;
      if (count > 0) this.heldOutPartsOfClass[label] = (this.heldOutPartsOfClass[label] ?? 0) + sign;
    });
  }

  cost(): number {
    let classCost = 0;
    let missing = 0;
    this.totals.forEach((total, label) => {
      classCost += ((this.heldOut[label] ?? 0) / total - this.share) ** 2;
      const all = this.partsOfClass[label] ?? 0;
      const held = this.heldOutPartsOfClass[label] ?? 0;
      // The only part of a class teaches more in training than it proves in validation.
      if (all > 1 ? held === 0 || held === all : held === all) missing++;
    });
    const empty = this.heldOutSize === 0 || this.heldOutSize === this.size ? 1 : 0;
    const sizeCost = (this.heldOutSize / this.size - this.share) ** 2;
    return classCost / this.totals.length + sizeCost + MISSING_CLASS_COST * (missing + empty * this.totals.length);
  }
}

function partsOf(items: readonly Grouped[], labels: readonly string[]): Part[] {
  const labelIndex = new Map(labels.map((label, index) => [label, index]));
  const countsOf = new Map<string, number[]>();
  for (const { label, group } of items) {
    const counts = countsOf.get(group) ?? labels.map(() => 0);
    const at = labelIndex.get(label) ?? 0;
    counts[at] = (counts[at] ?? 0) + 1;
    countsOf.set(group, counts);
  }
  return [...countsOf].map(([group, counts]) => ({ group, counts, size: counts.reduce((sum, n) => sum + n, 0) }));
}

/** In the order of a Gray code every choice is one move from the last. */
function chooseFromAll(balance: HoldOutBalance): void {
  let best = Infinity;
  let bestChoice = Uint8Array.from(balance.chosen);
  for (let step = 1; step < 2 ** balance.parts.length; step++) {
    balance.move(31 - Math.clz32(step & -step));
    const cost = balance.cost();
    if (cost >= best - 1e-12) continue;
    best = cost;
    bestChoice = Uint8Array.from(balance.chosen);
  }
  bestChoice.forEach((held, part) => {
    if (held !== balance.chosen[part]) balance.move(part);
  });
}

/** Large parts first: small ones even out what those leave. */
function chooseGreedily(balance: HoldOutBalance): void {
  const order = [...balance.parts.keys()].sort((a, b) => (balance.parts[b]?.size ?? 0) - (balance.parts[a]?.size ?? 0));
  let cost = balance.cost();
  for (let round = 0, improved = true; improved && round < MAX_ROUNDS; round++) {
    improved = false;
    for (const part of order) {
      balance.move(part);
      const moved = balance.cost();
      if (moved < cost - 1e-12) {
        cost = moved;
        improved = true;
      } else balance.move(part);
    }
    if (!improved && order.length <= EXCHANGE_PARTS) {
      const exchanged = exchange(balance, cost);
      improved = exchanged < cost;
      cost = exchanged;
    }
  }
}

function exchange(balance: HoldOutBalance, before: number): number {
  let cost = before;
  for (let out = 0; out < balance.parts.length; out++) {
    for (let into = 0; into < balance.parts.length; into++) {
      if (balance.chosen[out] !== 1 || balance.chosen[into] !== 0) continue;
      balance.move(out);
      balance.move(into);
      const exchanged = balance.cost();
      if (exchanged < cost - 1e-12) {
        cost = exchanged;
        break;
      }
      balance.move(into);
      balance.move(out);
    }
  }
  return cost;
}
