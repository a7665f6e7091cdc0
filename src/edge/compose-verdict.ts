import type { LatencyMs, Verdict } from "../contracts/verdict.ts";
import type { InspectionOutcome, InspectionRecord } from "../pipeline/inspect.ts";
import { toIso, type MonotonicMs, type WallClockMs } from "../platform/clock.ts";
import { modelReference, type Recipe } from "./recipe.ts";

export interface VerdictIngredients {
  readonly id: string;
  readonly device: string;
  readonly bootSeq: number;
  readonly verdictSeq: number;
  readonly part: string;
  readonly receivedTick: MonotonicMs;
  readonly decidedAt: WallClockMs;
  readonly decidedTick: MonotonicMs;
  readonly clockSynced: boolean;
  readonly outcome: InspectionOutcome;
  readonly record?: InspectionRecord;
  readonly recipe?: Recipe;
}

/** The published form of an outcome. Pure. */
export function composeVerdict(from: VerdictIngredients): Verdict {
  const { outcome, record, recipe } = from;
  const frame = record?.frame;
  const model = recipe === undefined ? null : modelReference(recipe);
  const common = {
    schema: 1,
    id: from.id,
    device: from.device,
    bootSeq: from.bootSeq,
    verdictSeq: from.verdictSeq,
    part: from.part,
    seq: frame?.seq ?? null,
    capturedAt: frame === undefined ? null : toIso(frame.capturedAt),
    decidedAt: toIso(from.decidedAt),
    latencyMs: latencyOf(from),
    clockSynced: from.clockSynced,
  } as const;
  if (outcome.kind === "fault" || model === null) {
    const reason = outcome.kind === "fault" ? outcome.reason : "model";
    return {
      ...common,
      verdict: "fault",
      reason,
      class: null,
      score: null,
      scores: {},
      regions: [],
      hardCase: ["fault"],
      model,
    };
  }
  const { decision } = outcome;
  return {
    ...common,
    verdict: decision.verdict,
    class: decision.class,
    score: decision.score,
    scores: decision.scores,
    regions: [...decision.regions],
    hardCase: [...decision.hardCase],
    model,
  };
}

/** Stages that were not reached count 0; `infer` includes the wait for a free inference slot. */
function latencyOf({ receivedTick, decidedTick, record }: VerdictIngredients): LatencyMs {
  const span = (from: number | undefined, to: number | undefined): number =>
    from === undefined || to === undefined ? 0 : toHundredths(Math.max(0, to - from));
  return {
    capture: span(receivedTick, record?.capturedTick),
    preprocess: span(record?.capturedTick, record?.preprocessedTick),
    infer: span(record?.preprocessedTick, record?.inferredTick),
    decide: span(record?.inferredTick, decidedTick),
    total: span(receivedTick, decidedTick),
  };
}

const toHundredths = (ms: number): number => Math.round(ms * 100) / 100;
