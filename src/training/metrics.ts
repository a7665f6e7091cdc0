import { mean } from "../statistics/averages.ts";

/** One judged frame: the NG score and the class of the truth and of the guess. */
export interface ScoredFrame {
  /** The physical part: frames of one part are not independent. */
  readonly group: string;
  readonly defective: boolean;
  /** Probability that the part is not good, 0-1. */
  readonly ngScore: number;
  readonly truth: number;
  readonly guess: number;
}

/**
 * Area under the ROC curve: the chance that a defective frame scores higher than a good one, ties counting half
 * (Mann-Whitney). NaN when one of the two kinds is missing.
 */
export function auroc(frames: readonly ScoredFrame[]): number {
  const sorted = [...frames].sort((a, b) => a.ngScore - b.ngScore);
  const defective = sorted.filter((frame) => frame.defective).length;
  let rankSum = 0;
  for (let start = 0; start < sorted.length;) {
    let end = start;
    while (end < sorted.length && sorted[end]?.ngScore === sorted[start]?.ngScore) end++;
    const meanRank = (start + end + 1) / 2;
    for (let index = start; index < end; index++) if (sorted[index]?.defective === true) rankSum += meanRank;
    start = end;
  }
  const good = sorted.length - defective;
  return (rankSum - (defective * (defective + 1)) / 2) / (defective * good);
}

/** Mean over the classes that occur of the share of their frames guessed right. */
export function balancedAccuracy(frames: readonly ScoredFrame[]): number {
  const tally = new Map<number, { right: number; all: number }>();
  for (const { truth, guess } of frames) {
    const entry = tally.get(truth) ?? { right: 0, all: 0 };
    tally.set(truth, { right: entry.right + (truth === guess ? 1 : 0), all: entry.all + 1 });
  }
  return mean([...tally.values()].map(({ right, all }) => right / all));
}

/** Rows are the truth, columns the guess. */
export function confusion(frames: readonly ScoredFrame[], classCount: number): number[][] {
  const table = Array.from({ length: classCount }, () => new Array<number>(classCount).fill(0));
  for (const { truth, guess } of frames) {
    const row = table[truth];
    if (row !== undefined) row[guess] = (row[guess] ?? 0) + 1;
  }
  return table;
}

/** Sample standard deviation (n - 1). */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((total, value) => total + (value - centre) ** 2, 0) / (values.length - 1));
}
