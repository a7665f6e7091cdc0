import { HARD_CASE_REASONS, type Verdict } from "../../contracts/verdict.ts";
import type { HardCaseUpload } from "../../contracts/hub-case.ts";
import type { ProjectClass } from "../../hub/cases/label-cases.ts";
import { seededRandom } from "../../platform/random.ts";

export const PROJECT = "bench";
export const DEVICES = 24;
export const LINES = 4;
export const VERSIONS = 6;
export const CASES_A_LOT = 500;
export const SHIFTS = ["early", "late", "night"] as const;
export const EMBEDDING_DIMENSIONS = 128;
export const CLASSES: readonly ProjectClass[] = [
  { name: "good", kind: "good" },
  { name: "blowhole", kind: "defect" },
  { name: "break", kind: "defect" },
  { name: "crack", kind: "defect" },
  { name: "fray", kind: "defect" },
];
export const TAGS = [
  "glare",
  "dust",
  "edge",
  "oil",
  "scratch",
  "tilt",
  "shadow",
  "blur",
  "stain",
  "print",
  "gap",
  "dent",
];

/** Looks that cases group around. */
const GROUPS = 200;
const CASE_EVERY_MS = 20_000;
export const FIRST_CASE_AT = Date.parse("2026-01-01T00:00:00.000Z");

export const capturedAtOf = (index: number): number => FIRST_CASE_AT + index * CASE_EVERY_MS;
/** Rises with time, as a device's do. */
export function caseIdOf(index: number): string {
  const digits = index.toString(16).padStart(8, "0");
  return `0194${digits.slice(0, 4)}-${digits.slice(4)}-7000-8000-000000000000`;
}
export const imageNameOf = (index: number): string => index.toString(16).padStart(64, "0");

const pick = <T>(values: readonly [T, ...T[]], random: () => number): T =>
  values[Math.floor(random() * values.length)] ?? values[0];

export interface CaseMaker {
  caseAt(index: number): HardCaseUpload;
}

/** The same cases for the same index, whatever was made before. */
export function caseMaker(): CaseMaker {
  const random = seededRandom(1);
  const centres = Array.from({ length: GROUPS }, () => embedding(random, null));
  return {
    caseAt(index) {
      const chance = seededRandom(index);
      const verdict = verdictAt(index, chance);
      const reason = pick(HARD_CASE_REASONS, chance);
      const vector = embedding(chance, centres[Math.floor(chance() * GROUPS)] ?? null);
      return {
        schema: 1,
        verdict,
        reasons: [reason],
        selectionProbability: 0.1,
        image: { sha256: imageNameOf(index), mediaType: "image/jpeg", bytes: 50_000, crop: null, masked: 0 },
        embedding: Buffer.from(vector.buffer).toString("base64"),
        line: `line-${index % LINES}`,
        product: `tile-${index % 7}`,
        metadata: {
          shift: SHIFTS[Math.floor((index / 1440) % SHIFTS.length)] ?? "early",
          lot: `lot-${Math.floor(index / CASES_A_LOT)}`,
          lamp: `lamp-${Math.floor(chance() * 40)}`,
          temperature: Math.round(chance() * 400) / 10,
        },
      };
    },
  };
}

function verdictAt(index: number, chance: () => number): Verdict {
  const at = new Date(capturedAtOf(index)).toISOString();
  const said = pick(["good", "good", "blowhole", "break", "crack", "fray"], chance);
  const kind = chance() < 0.4 ? "review" : said === "good" ? "pass" : "reject";
  const score = Math.round(chance() * 1000) / 1000;
  return {
    schema: 1,
    id: caseIdOf(index),
    device: `camera-${index % DEVICES}`,
    bootSeq: 1,
    verdictSeq: index + 1,
    part: `part-${index}`,
    seq: index,
    capturedAt: at,
    decidedAt: at,
    verdict: kind,
    class: said,
    score,
    scores: Object.fromEntries(CLASSES.map(({ name }) => [name, name === said ? 0.6 : 0.1])),
    regions: [{ x: 100, y: 120, width: 64, height: 64, class: said, score }],
    hardCase: ["uncertain"],
    model: { name: "tile-surface", version: `${1 + (index % VERSIONS)}.0.0`, sha256: "a".repeat(64) },
    latencyMs: { capture: 3, preprocess: 1, infer: 4, decide: 0.1, total: 8.1 },
    clockSynced: true,
  };
}

/** Around `centre`, or anywhere. Uniform noise: normal deviates would take most of the time of making a case. */
function embedding(random: () => number, centre: Float32Array | null): Float32Array {
  const spread = centre === null ? 2 : 1;
  return Float32Array.from(
    { length: EMBEDDING_DIMENSIONS },
    (_, at) => (centre === null ? 3 : (centre[at] ?? 0)) + spread * (random() - 0.5),
  );
}
