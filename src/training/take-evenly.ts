import { seededRandom, shuffle } from "../platform/random.ts";

/**
 * At most `count` of the items, of every kind as many as of the others where they are there, kinds taking turns; which
 * ones and in what order the seed decides.
 */
export function takeEvenly<T>(items: readonly T[], count: number, kindOf: (item: T) => string, seed: number): T[] {
  const shuffled = shuffle([...items], seededRandom(seed));
  const queues = [...Map.groupBy(shuffled, kindOf).values()];
  const longest = queues.reduce((most, queue) => Math.max(most, queue.length), 0);
  const taken: T[] = [];
  for (let round = 0; round < longest && taken.length < count; round++) {
    for (const queue of queues) taken.push(...queue.slice(round, round + 1));
  }
  return taken.slice(0, count);
}
