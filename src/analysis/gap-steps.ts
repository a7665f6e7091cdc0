import { percentText } from "../report/text.ts";
import type { Gap } from "./diagnose.ts";
import { calledGap, gapSentence, type KnownFacts, type Proposal } from "./known-facts.ts";

/** Steps that follow from bias, variance and mismatch, and from a baseline that is itself poor. */
export function gapSteps(facts: KnownFacts): Proposal[] {
  const bias = calledGap(facts, "avoidable-bias");
  const variance = calledGap(facts, "variance");
  const mismatch = calledGap(facts, "mismatch");
  return [
    ...(bias === undefined ? [] : biasSteps(bias, facts)),
    ...(variance === undefined ? [] : varianceSteps(variance, facts)),
    ...moreData(facts),
    ...(mismatch === undefined ? [] : mismatchSteps(mismatch, facts)),
    ...baselineSteps(facts),
  ];
}

const ofGap = (gap: Gap): Pick<Proposal, "reason" | "figures" | "most" | "interval"> => ({
  reason: gapSentence(gap),
  figures: { gap: gap.size, low: gap.interval.low, high: gap.interval.high },
  most: gap.size,
  interval: gap.interval,
});

function biasSteps(gap: Gap, { task }: KnownFacts): Proposal[] {
  const images = task === "images";
  return [
    {
      ...ofGap(gap),
      rule: "stronger-model",
      kind: "train",
      title: images
        ? "Let the model learn more: unfreeze further layers, a larger input, more regions, train longer, regularise less"
        : "Let the model learn more: a larger model, train longer, regularise less",
    },
    {
      ...ofGap(gap),
      rule: "better-input",
      kind: images ? "camera" : "feature",
      title: images
        ? "Show it more: better light, focus or resolution, so that the defect can be seen"
        : "Show it more: features that tell apart what it confuses",
    },
  ];
}

function varianceSteps(gap: Gap, { task, curve }: KnownFacts): Proposal[] {
  const images = task === "images";
  const regularise: Proposal = {
    ...ofGap(gap),
    rule: "regularise",
    kind: "augment",
    title: images
      ? "Hold it back: augmentation, more regularisation, freeze more layers"
      : "Hold it back: more regularisation, augmentation, a smaller model, fewer features",
  };
  const title = "Collect more labelled examples of what it gets wrong";
  // Where there is a learning curve, it decides about data (moreData).
  return curve === null ? [regularise, { ...ofGap(gap), rule: "targeted-data", kind: "collect", title }] : [regularise];
}

/** More of the same data, where the curve promises a gain and variance was called or could not be looked at. */
function moreData(facts: KnownFacts): Proposal[] {
  const gap = facts.diagnosis?.gaps.find(({ name }) => name === "variance");
  const forecast = facts.curve?.forecast;
  const [twice] = forecast?.steps ?? [];
  if (forecast === undefined || twice === undefined || !forecast.moreDataHelps || gap?.called === false) return [];
  return [
    {
      rule: "more-data",
      kind: "collect",
      title: `Label more parts: ${Math.round(twice.parts)} to learn from instead of ${Math.round(twice.parts / twice.factor)}`,
      reason: gap === undefined ? forecast.sentence : `${gapSentence(gap)} ${forecast.sentence}`,
      figures: { ...(gap === undefined ? {} : { gap: gap.size }), parts: twice.parts, gain: twice.gain },
      most: twice.gain,
      interval: twice.gainInterval,
    },
  ];
}

function mismatchSteps(gap: Gap, { task }: KnownFacts): Proposal[] {
  return [
    {
      ...ofGap(gap),
      rule: "like-production",
      kind: "collect",
      title: "Collect training cases from where the model works, and put as many into validation",
    },
    {
      ...ofGap(gap),
      rule: "imitate-production",
      kind: "synthesise",
      title:
        task === "images"
          ? "Make the training pictures like those of production: synthesise its light, blur, noise and background"
          : "Make the training cases like those of production: synthesise what is different there",
    },
  ];
}

/** Below this agreement beyond chance, people do not know either (Landis & Koch: less than "almost perfect"). */
const POOR_KAPPA = 0.8;

/** Small gaps but a poor baseline: the labels or the pictures are at fault, not the model. */
function baselineSteps({ task, diagnosis, agreement, wantedError }: KnownFacts): Proposal[] {
  if (diagnosis === null || diagnosis.baseline === null || diagnosis.called.length > 0) return [];
  const { errorRate, interval } = diagnosis.baseline;
  const kappa = agreement?.kappa ?? null;
  const poor = wantedError === null ? kappa !== null && kappa < POOR_KAPPA : errorRate > wantedError;
  if (!poor) return [];
  const wanted = wantedError ?? 0;
  const shared = {
    reason:
      `No gap exceeds its interval, but the baseline itself is ${percentText(errorRate)}` +
      (wantedError === null ? "" : ` where ${percentText(wantedError)} is wanted`) +
      (kappa === null ? "." : ` and two people agree with kappa ${kappa.toFixed(2)} only.`),
    figures: { baseline: errorRate, ...(kappa === null ? {} : { kappa }) },
    most: errorRate - wanted,
    interval: {
      low: Math.max(0, (interval?.low ?? errorRate) - wanted),
      high: (interval?.high ?? errorRate) - wanted,
    },
  };
  return [
    {
      ...shared,
      rule: "fix-baseline-labels",
      kind: "relabel",
      title: "Write down what counts as what, with examples of the doubtful, and label again where people disagree",
    },
    {
      ...shared,
      rule: "fix-baseline-optics",
      kind: task === "images" ? "camera" : "feature",
      title:
        task === "images"
          ? "Make visible what people cannot see either: light, lens, resolution, angle"
          : "Record what people would need to decide",
    },
  ];
}
