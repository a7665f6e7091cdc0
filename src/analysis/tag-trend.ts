import { direction, type Share, type ShareDifference, shareDifference, shareOf } from "../statistics/shares.ts";
import type { VersionTally } from "./tally-outcomes.ts";

/** A share with the interval that is wanted. */
export type ShareMaker = (hits: number, trials: number) => Share;

export interface TagVersion {
  readonly modelVersion: string;
  /** Errors with the tag, of all judged cases. */
  readonly errorRate: Share;
}

/** How a tag went from version to version. */
export interface TagTrend {
  /** From the oldest to the newest. */
  readonly versions: readonly TagVersion[];
  /** The last version less the one before: negative where the tag shrank. */
  readonly change: ShareDifference;
  /** Unclear while the interval of the change includes 0. */
  readonly verdict: "shrank" | "grew" | "unclear";
}

const VERDICTS = { up: "grew", down: "shrank", unclear: "unclear" } as const;

/**
 * Did the tag shrink after the last release? Errors with the tag per judged case, so that a larger sample does not look
 * like a worse model. It presumes samples drawn in the same way: cases that devices sent because they were uncertain do
 * not compare with a random audit. `tag` null: all errors. Null with fewer than two versions.
 */
export function tagTrend(
  tallies: ReadonlyMap<string, VersionTally>,
  versions: readonly string[],
  tag: string | null,
  share: ShareMaker = shareOf,
): TagTrend | null {
  const series = versions.map((modelVersion): TagVersion => {
    const tally = tallies.get(modelVersion);
    const errors = (tag === null ? tally?.all : tally?.byTag.get(tag))?.errors ?? 0;
    return { modelVersion, errorRate: share(errors, tally?.all.cases ?? 0) };
  });
  const [before, last] = [series.at(-2), series.at(-1)];
  if (before === undefined || last === undefined) return null;
  const change = shareDifference(last.errorRate, before.errorRate);
  return { versions: series, change, verdict: VERDICTS[direction(change.interval)] };
}
