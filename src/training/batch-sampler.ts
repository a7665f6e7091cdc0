import { z } from "zod";
import { seededRandom, shuffle } from "../platform/random.ts";
import { mixedSeed } from "./mixed-seed.ts";

export interface SamplerItem {
  /** Where the caller finds it, for instance in a pixel store. */
  readonly index: number;
  readonly classIndex: number;
}

export interface SamplerOptions {
  readonly items: readonly SamplerItem[];
  /** Indices of the good classes. */
  readonly goodClasses: readonly number[];
  /** 0: classes as often as they occur; 1: every class as often as the others; between: count^(1 - balance). */
  readonly balance: number;
  /** At least this share of what is drawn is good, 0 to 1: many defect classes would leave few good pictures. */
  readonly goodShare: number;
  /** Drawn in one epoch; absent: as many as there are items. */
  readonly epochSize?: number;
  readonly seed: number;
}

/** Everything a checkpoint must keep to go on where a sampler stopped. */
export const SamplerState = z.strictObject({
  /** From 0. */
  epoch: z.int().nonnegative(),
  /** Drawn in this epoch. */
  position: z.int().nonnegative(),
  /** By class, drawn in all epochs before this one. */
  drawnBefore: z.record(z.string(), z.int().nonnegative()),
});
export type SamplerState = z.infer<typeof SamplerState>;

export interface DrawnItem extends SamplerItem {
  readonly epoch: number;
  /** In the epoch, from 0: epoch and position name a draw for ever. */
  readonly position: number;
}

/**
 * An endless seeded stream of items. Every epoch holds each class exactly as often as wanted (to a whole number), well
 * mixed; within a class nothing comes again before everything has come, over the ends of epochs.
 */
export class BatchSampler {
  readonly epochSize: number;
  private readonly options: SamplerOptions;
  private readonly members: ReadonlyMap<number, readonly number[]>;
  private readonly quotas: ReadonlyMap<number, number>;
  private drawnBefore: Map<number, number>;
  private epoch: number;
  private position: number;
  private order: readonly SamplerItem[];

  /** Throws RangeError for no items or options out of range. */
  constructor(options: SamplerOptions, state?: SamplerState) {
    const { items, balance, goodShare } = options;
    if (items.length === 0) throw new RangeError("there is nothing to draw from");
    if (!(balance >= 0 && balance <= 1)) throw new RangeError(`a balance of ${balance} is not within 0 to 1`);
    if (!(goodShare >= 0 && goodShare < 1)) throw new RangeError(`a good share of ${goodShare} is not within 0 to 1`);
    this.options = options;
    this.epochSize = options.epochSize ?? items.length;
    this.members = membersByClass(items);
    this.quotas = wholeQuotas(classShares(this.members, options), this.epochSize);
    this.epoch = state?.epoch ?? 0;
    this.position = state?.position ?? 0;
    this.drawnBefore = new Map(
      Object.entries(state?.drawnBefore ?? {}).map(([label, count]) => [Number(label), count]),
    );
    this.order = this.orderOfEpoch();
  }

  next(): DrawnItem {
    if (this.position >= this.epochSize) this.startNextEpoch();
    const item = this.order[this.position];
    if (item === undefined) throw new RangeError("the sampler's state does not fit its items");
    return { ...item, epoch: this.epoch, position: this.position++ };
  }

  take(count: number): DrawnItem[] {
    return Array.from({ length: count }, () => this.next());
  }

  state(): SamplerState {
    const drawnBefore = Object.fromEntries([...this.drawnBefore].map(([label, count]) => [String(label), count]));
    return { epoch: this.epoch, position: this.position, drawnBefore };
  }

  private startNextEpoch(): void {
    for (const [label, quota] of this.quotas) this.drawnBefore.set(label, (this.drawnBefore.get(label) ?? 0) + quota);
    this.epoch++;
    this.position = 0;
    this.order = this.orderOfEpoch();
  }

  /** Classes are mixed; each class's places are then filled in the order of its own stream. */
  private orderOfEpoch(): readonly SamplerItem[] {
    const streams = new Map([...this.quotas].map(([label, quota]) => [label, this.drawOfClass(label, quota).values()]));
    const classes = [...this.quotas].flatMap(([label, quota]) => new Array<number>(quota).fill(label));
    return shuffle(classes, seededRandom(mixedSeed(this.options.seed, this.epoch, -1))).flatMap((classIndex) => {
      const index = streams.get(classIndex)?.next().value;
      return index === undefined ? [] : { index, classIndex };
    });
  }

  /** The class's stream is one shuffled deck after another; an epoch takes the next `quota` cards of it. */
  private drawOfClass(classIndex: number, quota: number): number[] {
    const members = this.members.get(classIndex) ?? [];
    const from = this.drawnBefore.get(classIndex) ?? 0;
    const drawn: number[] = [];
    for (let deck = Math.floor(from / members.length); drawn.length < quota; deck++) {
      const cards = shuffle([...members], seededRandom(mixedSeed(this.options.seed, classIndex, deck)));
      const first = Math.max(0, from - deck * members.length);
      drawn.push(...cards.slice(first, first + quota - drawn.length));
    }
    return drawn;
  }
}

function membersByClass(items: readonly SamplerItem[]): ReadonlyMap<number, readonly number[]> {
  const members = new Map<number, number[]>();
  for (const { index, classIndex } of items) {
    const known = members.get(classIndex);
    if (known === undefined) members.set(classIndex, [index]);
    else known.push(index);
  }
  return new Map([...members].sort(([a], [b]) => a - b));
}

/** Share of each class in what is drawn; they add up to 1. */
export function classShares(
  members: ReadonlyMap<number, readonly number[]>,
  { balance, goodShare, goodClasses }: Pick<SamplerOptions, "balance" | "goodShare" | "goodClasses">,
): ReadonlyMap<number, number> {
  const weights = [...members].map(([classIndex, { length }]) => [classIndex, length ** (1 - balance)] as const);
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const good = weights.reduce((sum, [label, weight]) => sum + (goodClasses.includes(label) ? weight / total : 0), 0);
  const raised = good > 0 && good < 1 ? Math.max(good, goodShare) : good;
  return new Map(
    weights.map(([classIndex, weight]) => {
      const isGood = goodClasses.includes(classIndex);
      return [classIndex, (weight / total) * (isGood ? raised / good : good < 1 ? (1 - raised) / (1 - good) : 1)];
    }),
  );
}

/** Whole numbers that add up to `size`, by the largest remainders; no class that has a share gets none. */
function wholeQuotas(shares: ReadonlyMap<number, number>, size: number): ReadonlyMap<number, number> {
  const quotas = new Map([...shares].map(([label, share]) => [label, Math.max(1, Math.floor(share * size + 1e-9))]));
  const remainder = (label: number): number => (shares.get(label) ?? 0) * size - (quotas.get(label) ?? 0);
  for (let left = size - sumOf(quotas); left !== 0; left -= Math.sign(left)) {
    const labels = [...quotas.keys()].sort((a, b) => remainder(b) - remainder(a));
    const label = left > 0 ? labels[0] : (labels.findLast((other) => (quotas.get(other) ?? 0) > 1) ?? labels.at(-1));
    if (label !== undefined) quotas.set(label, (quotas.get(label) ?? 0) + Math.sign(left));
  }
  return quotas;
}

const sumOf = (quotas: ReadonlyMap<number, number>): number =>
  [...quotas.values()].reduce((sum, quota) => sum + quota, 0);
