import type { DecisionLimits, ModelClass } from "../../contracts/model-bundle.ts";
import type { HardCaseReason, VerdictKind, VerdictRegion } from "../../contracts/verdict.ts";
import type { PixelRect } from "../../imaging/pixel-rect.ts";
import { defectMap, type DefectMap } from "./defect-map.ts";
import type { RegionScores } from "./region-scores.ts";
import { regionsOf } from "./regions.ts";

export interface Decision {
  readonly verdict: Exclude<VerdictKind, "fault">;
  readonly class: string;
  /** NG score of the worst region. */
  readonly score: number;
  /** Calibrated probability of every class in the worst region. */
  readonly scores: Readonly<Record<string, number>>;
  readonly regions: readonly VerdictRegion[];
  readonly hardCase: readonly HardCaseReason[];
  /** Of the worst region; a view of the inference's own memory. */
  readonly embedding: Float32Array;
  /** Of the worst region, for the overlay. */
  readonly heat: DefectMap & { readonly rect: PixelRect };
}

export type DecisionRules = Pick<DecisionLimits, "passBelow" | "rejectFrom">;

/** NG score: 1 - the sum of the good classes' probabilities, clipped to [0, 1] against rounding. */
export function ngScore(probabilities: Float32Array, classes: readonly ModelClass[]): number {
  let good = 0;
  classes.forEach((modelClass, index) => {
    if (modelClass.kind === "good") good += probabilities[index] ?? 0;
  });
  return Math.min(1, Math.max(0, 1 - good));
}

/** Below `passBelow` pass, from `rejectFrom` on reject, between them a person decides. */
export function verdictOf(score: number, rules: DecisionRules): Decision["verdict"] {
  if (score >= rules.rejectFrom) return "reject";
  return score < rules.passBelow ? "pass" : "review";
}

/** One verdict for a part from all its regions: the worst region decides. Pure. `regions` must not be empty. */
export function decide(
  regions: readonly RegionScores[],
  classes: readonly ModelClass[],
  rules: DecisionRules,
): Decision {
  const ngScores = regions.map((region) => ngScore(region.probabilities, classes));
  const score = Math.max(...ngScores);
  const worst = regions[ngScores.indexOf(score)];
  if (worst === undefined) throw new Error("decide was given no region");
  const verdict = verdictOf(score, rules);
  const boxes = regions.flatMap((region, index) => {
    const regionScore = ngScores[index] ?? 0;
    return regionScore < rules.passBelow ? [] : regionsOf(region, classes, regionScore);
  });
  return {
    verdict,
    class: className(worst.probabilities, classes, verdict),
    score,
    scores: Object.fromEntries(classes.map(({ name }, index) => [name, clip(worst.probabilities[index] ?? 0)])),
    regions: verdict === "pass" ? [] : boxes,
    hardCase: verdict === "review" ? ["uncertain"] : [],
    embedding: worst.embedding,
    heat: { ...defectMap(worst, classes, score), rect: worst.rect },
  };
}

const clip = (probability: number): number => Math.min(1, Math.max(0, probability));

/** A rejected part is named by its likeliest defect and a passed one by its likeliest good class, never crosswise. */
function className(probabilities: Float32Array, classes: readonly ModelClass[], verdict: Decision["verdict"]): string {
  const kind = verdict === "reject" ? "defect" : verdict === "pass" ? "good" : undefined;
  let best: { name: string; probability: number } | undefined;
  classes.forEach((modelClass, index) => {
    const probability = probabilities[index] ?? 0;
    if (kind !== undefined && modelClass.kind !== kind) return;
    if (best === undefined || probability > best.probability) best = { name: modelClass.name, probability };
  });
  if (best === undefined) throw new Error(`no class of kind ${kind ?? "any"} in the model`);
  return best.name;
}
