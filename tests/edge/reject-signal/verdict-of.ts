import { Verdict, type VerdictKind } from "../../../src/contracts/verdict.ts";

/** A whole verdict of the kind, as the line would make it. */
export function verdictOf(kind: VerdictKind): Verdict {
  const model = { name: "tiny", version: "1", sha256: "0".repeat(64) };
  const judged = { class: "free", score: 0.01, model };
  const fault = { reason: "deadline", class: null, score: null, model: null };
  return Verdict.parse({
    schema: 1,
    id: "01936f3e-7a00-7000-8000-000000000000",
    device: "station-1",
    bootSeq: 1,
    verdictSeq: 1,
    part: "p-1",
    seq: 0,
    capturedAt: "2026-11-23T08:00:00.000Z",
    decidedAt: "2026-11-23T08:00:00.010Z",
    scores: {},
    regions: [],
    hardCase: [],
    latencyMs: { capture: 0, preprocess: 0, infer: 0, decide: 0, total: 0 },
    clockSynced: true,
    verdict: kind,
    ...(kind === "fault" ? fault : judged),
  });
}
