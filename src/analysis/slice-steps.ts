import { percentText } from "../report/text.ts";
import type { SliceReport } from "./find-slices.ts";
import { type KnownFacts, points, type Proposal, type SuspicionFigures } from "./known-facts.ts";

/** A step for each slice that the half it was not found on shows too. */
export function sliceSteps({ task, slices, clusters, table }: KnownFacts): Proposal[] {
  const confirmed = (report: SliceReport | null) =>
    report?.slices.filter((slice) => slice.confirmed && slice.explainedBy === null) ?? [];
  const cases = Math.max(1, table?.cases ?? 1);
  const proposal = (rule: "work-on-slice" | "work-on-cluster", slice: SliceReport["slices"][number]): Proposal => {
    const name = slice.conditions.map(({ key, value }) => `${key} ${value}`).join(" and ");
    const { inside, outside, effect, gain } = slice;
    const weight = slice.items / cases;
    return {
      rule,
      kind: rule === "work-on-slice" && task === "images" ? "camera" : "collect",
      title:
        rule === "work-on-cluster"
          ? `Look at the examples of ${name}, give them a name, and collect more like them`
          : task === "images"
            ? `Make pictures of ${name} like the others (light, focus, position), or collect more of them`
            : `Find out what is different about ${name}, and collect more of it`,
      reason:
        `In ${name} ${percentText(inside.share)} are wrong, elsewhere ${percentText(outside.share)} ` +
        `(${points(effect.interval.low)} to ${points(effect.interval.high)} points more), on cases it was not found on.`,
      figures: { inside: inside.share, outside: outside.share, difference: effect.difference, items: slice.items },
      most: gain,
      interval: { low: Math.max(0, effect.interval.low) * weight, high: effect.interval.high * weight },
    };
  };
  return [
    ...confirmed(slices).map((slice) => proposal("work-on-slice", slice)),
    ...confirmed(clusters)
      .slice(0, 3)
      .map((slice) => proposal("work-on-cluster", slice)),
  ];
}

/** So many labels are never wrong: the scores are no good, or the classes are mixed up. */
const MOST_SUSPECTED = 0.2;
export const contradictory = ({ suspects, cases }: SuspicionFigures): boolean => suspects > MOST_SUSPECTED * cases;

const LABELS_PER_DAY = 800;
const LEAST_DAYS = 0.1;

/** Suspected labels as one step. */
export function labelSteps({ labels }: KnownFacts): Proposal[] {
  if (labels === null || labels.suspects === 0 || contradictory(labels)) return [];
  const { suspects, suspectedErrors, cases } = labels;
  const most = suspectedErrors / Math.max(1, cases);
  return [
    {
      rule: "fix-labels",
      kind: "relabel",
      title: `Check the ${suspects} suspected labels, in validation and test alike`,
      reason:
        `${suspects} labels contradict what the model confidently says, ${suspectedErrors} of them among the errors; ` +
        `about half of such flags are really wrong, and each of those counts as an error that is none.`,
      figures: { suspects, suspectedErrors, cases },
      most,
      interval: { low: 0, high: 2 * most },
      days: Math.max(LEAST_DAYS, suspects / LABELS_PER_DAY),
    },
  ];
}
