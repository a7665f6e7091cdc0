import { percentText } from "../report/text.ts";
import type { Interval } from "../statistics/intervals.ts";
import { gapSteps } from "./gap-steps.ts";
import { gapSentence, type KnownFacts, type Proposal } from "./known-facts.ts";
import { contradictory, labelSteps, sliceSteps } from "./slice-steps.ts";
import { STEP_ASSUMPTIONS, type StepAssumption, type StepKind, type StepRule } from "./step-assumptions.ts";
import { leaveTags, tagSteps } from "./tag-steps.ts";

export interface NextStep {
  readonly rule: StepRule;
  readonly kind: StepKind;
  /** What to do, as an order. */
  readonly title: string;
  /** Why, in a sentence with its figures. */
  readonly reason: string;
  /** What the reason rests on, by name; shares 0-1. */
  readonly figures: Readonly<Record<string, number>>;
  /** Share of all cases that should no longer be wrong. Gains of several steps overlap and do not add up. */
  readonly expectedGain: number;
  /** Of the expected gain, from the data; the assumed share is not in it. */
  readonly interval: Interval;
  /** Share of the possible gain that is presumed; null: the gain is a forecast from the data. */
  readonly assumedShare: number | null;
  readonly effortDays: number;
  readonly gainPerDay: number;
}

export interface NextSteps {
  /** Most gain per day first. */
  readonly steps: readonly NextStep[];
  /** What should not be worked on now, a sentence each. */
  readonly leave: readonly string[];
  /** What to know beside: missing figures, gaps that are chance, what more data will not do. */
  readonly notes: readonly string[];
}

/**
 * What to try next, by expected gain per day of work: from the gaps of the diagnosis (Ng, Machine Learning Yearning), the
 * learning curve, tags, confirmed slices and suspected labels. Nothing is advised on a gap that may be chance.
 */
export function nextSteps(facts: KnownFacts): NextSteps {
  const proposals = [...gapSteps(facts), ...tagSteps(facts), ...sliceSteps(facts), ...labelSteps(facts)];
  const steps = proposals
    .map((proposal) => weighed(proposal, facts.assumptions?.[proposal.rule] ?? STEP_ASSUMPTIONS[proposal.rule]))
    .sort((one, other) => other.gainPerDay - one.gainPerDay);
  return { steps, leave: leaveTags(facts), notes: notesOn(facts) };
}

function weighed({ most, interval, days, ...proposal }: Proposal, assumption: StepAssumption): NextStep {
  const expectedGain = most * assumption.share;
  const effortDays = days ?? assumption.days;
  return {
    ...proposal,
    expectedGain,
    interval: { low: Math.max(0, interval.low) * assumption.share, high: interval.high * assumption.share },
    assumedShare: assumption.share === 1 ? null : assumption.share,
    effortDays,
    gainPerDay: expectedGain / effortDays,
  };
}

const MUCH_UNTAGGED = 0.3;

function notesOn({ table, diagnosis, curve, labels }: KnownFacts): string[] {
  const notes: string[] = [];
  if (labels !== null && contradictory(labels))
    notes.push(
      `The scores contradict ${labels.suspects} of ${labels.cases} labels: so many are hardly wrong, so look at the scores or the class names first.`,
    );
  if (table !== null && table.errors > 0) {
    if (table.tags.length === 0)
      notes.push("No error carries a tag: read a random sample of them and tag what they have in common.");
    else if (table.untaggedErrors.share > MUCH_UNTAGGED)
      notes.push(
        `${table.untaggedErrors.hits} of ${table.errors} errors carry no tag: what they have in common is not known yet.`,
      );
  }
  if (diagnosis !== null) {
    if (diagnosis.goodEnough) notes.push("The model is as good as its baseline, as far as these cases can tell.");
    for (const gap of diagnosis.gaps) {
      if (!gap.called && gap.size > 0 && gap.name !== "total") notes.push(`${gapSentence(gap)} It may be chance.`);
    }
    const overfit = diagnosis.gaps.find(({ name, called }) => name === "validation-overfit" && called);
    if (overfit !== undefined)
      notes.push(
        `${gapSentence(overfit)} Models were chosen too often by the same validation cases: replace them with fresh ones, and more of them.`,
      );
    notes.push(...diagnosis.missing);
  }
  if (curve !== null) {
    const last = curve.points.at(-1);
    const wanted = diagnosis?.baseline?.errorRate;
    if (!curve.forecast.moreDataHelps) notes.push(curve.forecast.sentence);
    if (last !== undefined && wanted !== undefined && last.trainError > wanted)
      notes.push(
        `The curve's training error (${percentText(last.trainError)}) is above the baseline (${percentText(wanted)}) and only rises with more data: data alone will not suffice.`,
      );
  }
  return notes;
}
