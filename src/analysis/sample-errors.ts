import { seededRandom, shuffle } from "../platform/random.ts";

/** As many as a person reads in an hour or two. */
export const ERRORS_TO_READ = 100;

/** At most `most` of the errors, each as likely as any other, in the order given; the same seed gives the same ones. */
export function sampleErrors<T>(errors: readonly T[], most: number, seed: number): T[] {
  if (errors.length <= most) return [...errors];
  const chosen = shuffle([...errors.keys()], seededRandom(seed)).slice(0, most);
  return chosen.sort((one, other) => one - other).flatMap((index) => errors.slice(index, index + 1));
}
