import { expect, test } from "vitest";
import { comparePaired, type PairedFrame } from "../../../src/analysis/paired-comparison.ts";
import { type GateFacts, gatesOf, isOpen } from "../../../src/hub/releases/gates.ts";

/** `fixed` and `broken` defective parts of `parts`. */
function against(parts: number, fixed: number, broken: number): NonNullable<GateFacts["against"]> {
  const frames = Array.from({ length: parts }, (_, at): PairedFrame => {
    const [before, after] = at < fixed ? (["pass", "reject"] as const) : (["reject", "pass"] as const);
    const same = at >= fixed + broken;
    return {
      ...{ id: String(at), part: String(at), defective: true, tags: [], metadata: {} },
      ...{ before: same ? "reject" : before, after: same ? "reject" : after },
    };
  });
  const { all, escapes } = comparePaired(frames);
  return { active: "tile 1.1.0", all, escapes, p99Ms: 10 };
}

const certificate = {
  ...{ maxEscape: 0.01, confidence: 0.95, parts: 320, escapes: 0, passBelow: 0.1, overkill: null },
  ...{ modelSha256: "a".repeat(64), calibrationSetSha256: "b".repeat(64), issuedAt: "2026-01-01T00:00:00Z" },
};

const FLOAT32 = { auroc: 0.991, sameVerdicts: 0.99 };
const JUDGED = { sharedParts: 0, auroc: 0.99, float32: FLOAT32, p99Ms: 12, modelBytes: 3e6 };
const GOOD: GateFacts = {
  candidate: "tile 1.2.0",
  judged: JUDGED,
  against: against(300, 12, 0),
  activeModel: "tile 1.1.0",
  certificate,
  certificateFault: null,
  wanted: { maxEscape: 0.01, confidence: 0.95, taktMs: 20 },
};

const closed = (facts: Partial<GateFacts>) => gatesOf({ ...GOOD, ...facts }).filter(({ passed }) => !passed);

test("a better, fast, small, certified candidate passes every gate", () => {
  expect(isOpen(gatesOf(GOOD))).toBe(true);
  expect(gatesOf(GOOD).map(({ name }) => name)).toEqual(["accuracy", "int8", "latency", "size", "certificate"]);
});

test.each<[string, Partial<GateFacts>, string, RegExp]>([
  [
    "more escapes",
    { against: against(300, 0, 12) },
    "accuracy",
    /More escapes than with tile 1.1.0: 12 defective parts/,
  ],
  [
    "too few parts to tell",
    { against: against(20, 1, 1) },
    "accuracy",
    /may be worse by more than \+2.0 points; more test parts/,
  ],
  [
    "trained on the test set",
    { judged: { ...JUDGED, sharedParts: 3 } },
    "accuracy",
    /trained on 3 parts of the test set/,
  ],
  ["an active model that was not judged", { against: null }, "accuracy", /active model tile 1.1.0 was not judged/],
  ["int8 that costs too much", { judged: { ...JUDGED, auroc: 0.9 } }, "int8", /AUROC changes by -0.0910/],
  ["other verdicts in int8", { judged: { ...JUDGED, float32: { auroc: 0.99, sameVerdicts: 0.8 } } }, "int8", /80.0 %/],
  ["slower than the takt", { judged: { ...JUDGED, p99Ms: 30 } }, "latency", /30.0 ms .* takt is 20 ms/],
  ["too large", { judged: { ...JUDGED, modelBytes: 2e8 } }, "size", /200.00 MB; at most 100.00 MB/],
  ["no certificate", { certificate: null }, "certificate", /needs 299 defective parts or more/],
  [
    "a void certificate",
    { certificateFault: "the certificate is void: moved" },
    "certificate",
    /The certificate is void/,
  ],
  [
    "a weaker promise",
    { certificate: { ...certificate, maxEscape: 0.05 } },
    "certificate",
    /promises 5.0 % .* asks for/,
  ],
])("%s closes one gate, with its sentence", (_what, facts, name, sentence) => {
  const found = closed(facts);
  expect(found.map((gate) => gate.name)).toEqual([name]);
  expect(found[0]?.sentence).toMatch(sentence);
});

test("what was never judged passes nothing but its certificate; the first model has nobody to be worse than", () => {
  expect(closed({ judged: null }).map(({ name }) => name)).toEqual(["accuracy", "int8", "latency", "size"]);
  expect(closed({ against: null, activeModel: null })).toEqual([]);
  expect(closed({ wanted: { ...GOOD.wanted, taktMs: 0 } })).toEqual([]);
  const slow = { ...JUDGED, p99Ms: 16 };
  expect(closed({ wanted: { ...GOOD.wanted, taktMs: 0 }, judged: slow }).map(({ name }) => name)).toEqual(["latency"]);
});
