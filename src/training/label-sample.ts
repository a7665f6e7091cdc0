import { seededRandom, shuffle } from "../platform/random.ts";
import type { Sample } from "./learning-set.ts";

/** At most `most` samples, the labels of every data folder in turn; chosen by the seed. */
export function labelSample(samples: readonly Sample[], most: number, seed: number): readonly Sample[] {
  if (samples.length <= most) return samples;
  const shuffled = shuffle([...samples], seededRandom(seed));
  const queues = [...Map.groupBy(shuffled, ({ source, label }) => `${source} ${label}`).values()];
  const longest = Math.max(...queues.map(({ length }) => length));
  const inTurn = Array.from({ length: longest }, (_, round) => queues.flatMap((queue) => queue[round] ?? [])).flat();
  return inTurn.slice(0, most);
}
