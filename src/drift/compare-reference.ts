import type { DriftReference } from "../contracts/drift-reference.ts";
import { median } from "../statistics/averages.ts";
import { describeShift } from "./describe-drift.ts";
import { DISTANCE_STREAM, type ProjectedObservation, streamValues } from "./drift-reference.ts";
import { normalScore } from "./normal-scores.ts";
import { PLAIN_STREAMS } from "./observation.ts";

/** How far one stream of a line lies from a reference. */
export interface Shift {
  readonly stream: string;
  /** Mean normal score of the line's frames: standard deviations, 0 where they look alike, within about 2.7. */
  readonly by: number;
  /** Medians. */
  readonly there: number;
  readonly here: number;
}

export interface Comparison {
  /** Greatest first. */
  readonly shifts: readonly Shift[];
  readonly sentence: string;
}

/** Standard deviations from which a shift is worth a word: nearly a third of the frames look unusual in it then. */
const WORTH_A_WORD = 0.5;
const MOST_WORDS = 3;

/**
 * How far a line's frames lie from those a model was tested on, stream by stream. Directions of the embedding are left
 * to its distance: one number says as much. Says so in words; whether it is too far only labelled frames can tell.
 */
export function compareWithBaseline(rows: readonly ProjectedObservation[], baseline: DriftReference): Comparison {
  const values = rows.map((row) => streamValues(row, baseline.whitening));
  const shifts = [...PLAIN_STREAMS, DISTANCE_STREAM].flatMap((stream): Shift[] => {
    const quantiles = baseline.streams[stream]?.quantiles;
    const own = values.flatMap((each) => each.get(stream) ?? []);
    if (quantiles === undefined || own.length === 0) return [];
    const by = own.reduce((sum, value) => sum + normalScore(quantiles, value), 0) / own.length;
    return [{ stream, by, there: quantiles[quantiles.length >> 1] ?? NaN, here: median(own) }];
  });
  shifts.sort((left, right) => Math.abs(right.by) - Math.abs(left.by));
  return { shifts, sentence: sentenceOf(shifts) };
}

function sentenceOf(shifts: readonly Shift[]): string {
  const far = shifts.filter(({ by }) => Math.abs(by) >= WORTH_A_WORD).slice(0, MOST_WORDS);
  if (far.length === 0) return "The line's frames look like those the model was tested on.";
  const words = far.map(describeShift).join("; ");
  return (
    `The line's frames differ from those the model was tested on: ${words}. ` +
    "The model's figures may not hold here: label some of the line's own frames before you rely on them."
  );
}
