import type { Verdict } from "../../../src/contracts/verdict.ts";
import type { LedgerTrigger } from "../../../src/pipeline/journal/journal.ts";
import { uuidv7 } from "../../../src/platform/uuid.ts";

export const sampleTrigger = (fields: Partial<LedgerTrigger> = {}): LedgerTrigger => ({
  triggerId: uuidv7(Date.now()),
  requestId: null,
  part: "tile-1",
  source: "free",
  receivedAt: new Date().toISOString(),
  ...fields,
});

/** As long as a usual one: six classes, one region. */
export const sampleVerdict = (bootSeq: number, verdictSeq: number): Verdict => ({
  schema: 1,
  id: uuidv7(Date.now()),
  device: "line-3",
  bootSeq,
  verdictSeq,
  part: `tile-${verdictSeq}`,
  seq: verdictSeq,
  capturedAt: new Date().toISOString(),
  decidedAt: new Date().toISOString(),
  verdict: "reject",
  class: "crack",
  score: 0.93,
  scores: { free: 0.07, blowhole: 0.02, break: 0.01, crack: 0.88, fray: 0.01, uneven: 0.01 },
  regions: [{ x: 101, y: 44, width: 62, height: 30, class: "crack", score: 0.88 }],
  hardCase: [],
  model: { name: "tile-surface", version: "1.0.0", sha256: "ab".repeat(32) },
  latencyMs: { capture: 0.2, preprocess: 1.1, infer: 7.4, decide: 0.3, total: 9.2 },
  clockSynced: true,
});
