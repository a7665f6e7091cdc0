import { z } from "zod";

const Line = z.object({ stage: z.string(), done: z.number(), total: z.number(), detail: z.string() });

/** One step of a training as its command tells it. */
export interface TrainingStep {
  readonly stage: string;
  readonly step: number;
  readonly total: number;
  /** Of the batch; null in stages that do not learn. */
  readonly loss: number | null;
  /** Of the held-out parts, when it was last measured. */
  readonly heldOutLoss: number | null;
}

/** Reads a line of `train --progress lines`; null: something else was said. */
export function readStep(line: string): TrainingStep | null {
  if (!line.startsWith("{")) return null;
  let parsed;
  try {
    parsed = Line.safeParse(JSON.parse(line));
  } catch {
    return null;
  }
  if (!parsed.success) return null;
  const { stage, done, total, detail } = parsed.data;
  return {
    ...{ stage, step: done, total },
    loss: numberAfter(detail, /\bloss ([\d.]+)/),
    heldOutLoss: numberAfter(detail, /held out ([\d.]+)$/),
  };
}

function numberAfter(text: string, pattern: RegExp): number | null {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

/** Where in a run a stage lies, 0 to 1. Models are learned twice: once with parts held out, once on all. */
const PLACES: readonly (readonly [start: RegExp, from: number, to: number])[] = [
  [/^reading/, 0.02, 0.06],
  [/^embedding/, 0.06, 0.12],
  [/^fitting heads \((?!all|refit)/, 0.12, 0.18],
  [/^fine-tuning \((?!all|refit)/, 0.18, 0.45],
  [/^calibrating int8 \((?!all|refit)/, 0.45, 0.5],
  [/^judging/, 0.5, 0.55],
  [/^fitting heads/, 0.55, 0.6],
  [/^fine-tuning/, 0.6, 0.86],
  [/^calibrating int8/, 0.86, 0.93],
];

/** 0 to 1, never less than `before`. */
export function shareDone({ stage, step, total }: TrainingStep, before: number): number {
  const place = PLACES.find(([start]) => start.test(stage));
  if (place === undefined || total === 0) return before;
  const [, from, to] = place;
  return Math.max(before, from + (to - from) * Math.min(1, step / total));
}

export function stepSentence({ stage, step, total, loss, heldOutLoss }: TrainingStep): string {
  const losses = [
    loss === null ? "" : `, loss ${loss.toFixed(3)}`,
    heldOutLoss === null ? "" : `, held out ${heldOutLoss.toFixed(3)}`,
  ].join("");
  return `${stage} ${step}/${total}${losses}`;
}
