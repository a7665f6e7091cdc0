import { clopperPearson, type Interval } from "../statistics/intervals.ts";

/** Parts with at least one wrong frame: frames of one part are not independent trials. */
export interface PartShare {
  readonly parts: number;
  readonly wrongParts: number;
  /** 0-1; 0 where there are no parts. */
  readonly share: number;
  /** 95 %, exact; [0, 1] where there are no parts. */
  readonly interval: Interval;
  readonly frames: number;
  readonly wrongFrames: number;
}

/** Counts by part: a part is wrong when any of its frames is. */
export function partShare<T extends { readonly group: string }>(
  frames: readonly T[],
  isWrong: (frame: T) => boolean,
): PartShare {
  const wrong = frames.filter(isWrong);
  const parts = new Set(frames.map(({ group }) => group)).size;
  const wrongParts = new Set(wrong.map(({ group }) => group)).size;
  return {
    parts,
    wrongParts,
    share: parts === 0 ? 0 : wrongParts / parts,
    interval: clopperPearson(wrongParts, parts),
    frames: frames.length,
    wrongFrames: wrong.length,
  };
}
