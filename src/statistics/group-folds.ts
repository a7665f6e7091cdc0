import { SightlineError } from "../contracts/errors.ts";
import { seededRandom, shuffle } from "../platform/random.ts";

/** What a split looks at: the class to keep in proportion and the physical part that must not be torn apart. */
export interface Grouped {
  readonly label: string;
  readonly group: string;
}

/**
 * Fold number 0..foldCount-1 of every item: all items of a group share a fold, and every fold has about the same share
 * of each class. Greedy, groups with the most uneven class counts first, each to the fold where the spread of the
 * class shares stays smallest (the idea of scikit-learn's StratifiedGroupKFold). The same seed gives the same folds.
 */
export function stratifiedGroupFolds(items: readonly Grouped[], foldCount: number, seed: number): Int32Array {
  const labels = [...new Set(items.map(({ label }) => label))].sort();
  const groups = countByGroup(items, labels);
  if (groups.length < foldCount) {
    throw new SightlineError(
      "DATA_INVALID",
      `${groups.length} parts cannot be split into ${foldCount} folds; add parts`,
    );
  }
  const totals = labels.map((_, label) => sum(groups.map(({ counts }) => counts[label] ?? 0)));
  const folds = Array.from({ length: foldCount }, () => labels.map(() => 0));
  const foldOfGroup = new Map<string, number>();
  // Shuffled first, so that groups of equal counts come in an order the seed decides; the sort is stable.
  const ordered = shuffle(groups, seededRandom(seed)).sort((a, b) => deviation(b.counts) - deviation(a.counts));
  for (const { group, counts } of ordered) {
    const best = bestFold(folds, counts, totals);
    foldOfGroup.set(group, best);
    folds[best] = (folds[best] ?? []).map((count, label) => count + (counts[label] ?? 0));
  }
  return Int32Array.from(items, ({ group }) => foldOfGroup.get(group) ?? 0);
}

/** Throws when a group lies in two folds. */
export function checkNoLeak(items: readonly Grouped[], folds: ArrayLike<number>): void {
  const foldOfGroup = new Map<string, number>();
  items.forEach(({ group }, index) => {
    const fold = folds[index] ?? -1;
    const before = foldOfGroup.get(group);
    if (before !== undefined && before !== fold) {
      throw new SightlineError(
        "DATA_INVALID",
        `part ${group} lies in the folds ${before} and ${fold}: the split leaks`,
      );
    }
    foldOfGroup.set(group, fold);
  });
}

function countByGroup(items: readonly Grouped[], labels: readonly string[]): { group: string; counts: number[] }[] {
  const countsOf = new Map<string, number[]>();
  for (const { label, group } of items) {
    const counts = countsOf.get(group) ?? labels.map(() => 0);
    const position = labels.indexOf(label);
    counts[position] = (counts[position] ?? 0) + 1;
    countsOf.set(group, counts);
  }
  return [...countsOf].map(([group, counts]) => ({ group, counts }));
}

function bestFold(folds: readonly (readonly number[])[], counts: readonly number[], totals: readonly number[]): number {
  let best = 0;
  let bestSpread = Infinity;
  let bestSize = Infinity;
  folds.forEach((fold, candidate) => {
    const spread = sum(
      totals.map((total, label) =>
        deviation(
          folds.map((other, index) => ((other[label] ?? 0) + (index === candidate ? (counts[label] ?? 0) : 0)) / total),
        ),
      ),
    );
    const size = sum(fold);
    if (spread < bestSpread - 1e-12 || (spread < bestSpread + 1e-12 && size < bestSize)) {
      best = candidate;
      bestSpread = spread;
      bestSize = size;
    }
  });
  return best;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function deviation(values: readonly number[]): number {
  const mean = sum(values) / values.length;
  return Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / values.length);
}
