import { createHash } from "node:crypto";
import type { HardCaseUpload } from "../../../src/contracts/hub-case.ts";
import type { Database } from "../../../src/hub/store/database.ts";
import type { ProjectClass } from "../../../src/hub/cases/label-cases.ts";

export const CLASSES: readonly ProjectClass[] = [
  { name: "good", kind: "good" },
  { name: "crack", kind: "defect" },
  { name: "blowhole", kind: "defect" },
];

export async function addProject(database: Database, id: string): Promise<void> {
  await database.query
    .insertInto("projects")
    .values({
      id,
      name: `Project ${id}`,
      problem: "",
      classes_json: JSON.stringify(CLASSES),
      max_escape: 0.01,
      max_overkill: 0.05,
      confidence: 0.95,
      takt_ms: 1000,
      parts_per_day: 10_000,
      defect_rate: 0.01,
      escape_cost: 100,
      overkill_cost: 1,
      currency: "EUR",
      created_at: 0,
    })
    .execute();
}

export const START = Date.parse("2026-03-01T00:00:00.000Z");
export const idOf = (number: number): string =>
  `0195${number.toString(16).padStart(8, "0").slice(0, 4)}-${number.toString(16).padStart(8, "0").slice(4)}-7000-8000-${number
    .toString(16)
    .padStart(12, "0")}`;

export interface Wishes {
  readonly verdict?: "pass" | "reject" | "review";
  readonly class?: string;
  readonly device?: string;
  readonly line?: string;
  readonly model?: string;
  readonly reasons?: HardCaseUpload["reasons"];
  readonly metadata?: HardCaseUpload["metadata"];
  readonly embedding?: Float32Array;
  readonly capturedAt?: number;
  readonly part?: string;
}

/** What a device sends; `number` makes the id. */
export function makeUpload(number: number, wishes: Wishes = {}): HardCaseUpload {
  const capturedAt = new Date(wishes.capturedAt ?? START + number * 60_000).toISOString();
  const said = wishes.class ?? "good";
  return {
    schema: 1,
    verdict: {
      schema: 1,
      id: idOf(number),
      device: wishes.device ?? "cam-1",
      bootSeq: 1,
      verdictSeq: number + 1,
      part: wishes.part ?? `part-${number}`,
      seq: number,
      capturedAt,
      decidedAt: capturedAt,
      verdict: wishes.verdict ?? "pass",
      class: said,
      score: 0.4,
      scores: { good: 0.6, crack: 0.3, blowhole: 0.1 },
      regions: [],
      hardCase: wishes.reasons ?? ["uncertain"],
      model: { name: "tile", version: wishes.model ?? "1.0.0", sha256: "a".repeat(64) },
      latencyMs: { capture: 1, preprocess: 1, infer: 1, decide: 1, total: 4 },
      clockSynced: true,
    },
    reasons: wishes.reasons ?? ["uncertain"],
    selectionProbability: 0.5,
    image: {
      sha256: createHash("sha256").update(String(number)).digest("hex"),
      mediaType: "image/jpeg",
      bytes: 50_000,
      crop: null,
      masked: 0,
    },
    embedding: wishes.embedding === undefined ? null : Buffer.from(wishes.embedding.buffer, 0).toString("base64"),
    line: wishes.line ?? "line-1",
    product: "tile",
    metadata: wishes.metadata ?? { shift: "early" },
  };
}
