import { type ChoiceCase, type ChoiceCurve, CHOICE_DEFAULTS, choiceCurve } from "../../analysis/choice-curve.ts";
import type { StudyCase } from "./study.ts";

export interface ChoiceStudyInput {
  readonly cases: readonly StudyCase[];
  readonly goodLabels: readonly string[];
  readonly seed: number;
}

/** The curve, or the sentence why there is none. */
export type ChoiceStudy =
  | { readonly curve: ChoiceCurve; readonly cases: number; readonly parts: number; readonly sentence: string }
  | { readonly curve: null; readonly sentence: string };

/** Parts of either kind below which a held-out quarter of them says nothing. */
const LEAST_PARTS = 12;
/** Beyond so many cases the curve takes longer and says the same. */
const MOST_CASES = 1200;
const SEEDS = 10;
const POINTS = 20;

/**
 * Does the policy that chooses frames pay on these labelled cases? Takes seconds to minutes: for a thread of its own. The
 * embeddings are of the model on the line, so the figures are of a new head on it.
 */
export function choiceStudyOf({ cases, goodLabels, seed }: ChoiceStudyInput): ChoiceStudy {
  const embedded = cases
    .flatMap(({ embedding, label, group }): ChoiceCase[] =>
      embedding === null ? [] : [{ embedding, label, group, defective: !goodLabels.includes(label) }],
    )
    .slice(0, MOST_CASES);
  const partsOf = (defective: boolean): number =>
    new Set(embedded.filter((each) => each.defective === defective).map(({ group }) => group)).size;
  const [good, defective] = [partsOf(false), partsOf(true)];
  if (good < LEAST_PARTS || defective < LEAST_PARTS) {
    const have = `there are ${good} good and ${defective} defective parts with a label and an embedding`;
    return { curve: null, sentence: `It takes ${LEAST_PARTS} parts of either kind to tell; ${have}.` };
  }
  const mostLabels = Math.floor(embedded.length * (1 - CHOICE_DEFAULTS.heldOut));
  const batch = Math.max(2, Math.round(mostLabels / POINTS));
  const options = { ...CHOICE_DEFAULTS, seeds: SEEDS, firstSeed: seed, batch, window: 6 * batch, mostLabels };
  const curve = choiceCurve(embedded, options);
  return { curve, cases: embedded.length, parts: good + defective, sentence: sentenceOf(curve) };
}

function sentenceOf({ labelsNeeded, ratio, fullAuroc }: ChoiceCurve): string {
  const target = (fullAuroc - CHOICE_DEFAULTS.tolerance).toFixed(3);
  const [chosen, drawn] = [labelsNeeded.policy, labelsNeeded.random];
  if (ratio === null || chosen === null || drawn === null) {
    const who =
      chosen === null
        ? drawn === null
          ? "Neither way reaches"
          : "Only random choice reaches"
        : "Only the policy reaches";
    return `${who} an AUROC of ${target} with these labels: no ratio can be given.`;
  }
  const { low, high } = ratio.interval;
  const shares = `${Math.round(ratio.value * 100)} % of random's labels, 95 % interval ${Math.round(low * 100)} to ${Math.round(high * 100)} %`;
  const verdict = high < 1 ? "choosing pays" : low > 1 ? "choosing costs labels" : "a gain is not shown";
  return `For an AUROC of ${target} the policy takes ${chosen} labels and random choice ${drawn} (${shares}): ${verdict}.`;
}
