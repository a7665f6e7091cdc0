import { expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import { evaluateFrames } from "../../src/training/evaluation.ts";
import { evaluationReport } from "../../src/training/evaluation-report.ts";
import type { JudgedFrame, JudgedRegion } from "../../src/training/judged-frame.ts";

const CLASSES = [
  { name: "good", kind: "good" },
  { name: "<scratch>", kind: "defect" },
] as const;
const LIMITS = { passBelow: 0.3, rejectFrom: 0.7 };

/** Boards of 2x2 regions, the defect in the last one; of defective boards only that region and the first are decided. */
function boards(count: number): JudgedFrame[] {
  const random = seededRandom(4);
  return Array.from({ length: count }, (_, board) => {
    const defective = board % 3 === 0;
    const regions = Array.from({ length: 4 }, (__, index): JudgedRegion => {
      const shows = defective && index === 3;
      const ngScore = shows ? 0.2 + 0.8 * random() : 0.4 * random();
      const truth = defective && (index === 1 || index === 2) ? null : shows ? 1 : 0;
      const rect = { xPx: (index % 2) * 8, yPx: index < 2 ? 0 : 8, widthPx: 8, heightPx: 8 };
      const probabilities = Float32Array.of(1 - ngScore, ngScore);
      return { rect, probabilities, ngScore, truth, defective: truth === null ? null : shows };
    });
    const worst = regions.reduce((most, region) => (region.ngScore > most.ngScore ? region : most));
    return {
      file: `${board}.png`,
      sha256: String(board).padStart(64, "0"),
      label: board === 1 ? "unheard-of" : defective ? "<scratch>" : "good",
      metadata: { shift: board % 2 === 0 ? "early" : "late" },
      group: `0:board${board >> 1}`,
      defective: defective || board === 1,
      truth: board === 1 ? -1 : defective ? 1 : 0,
      guess: worst.ngScore >= 0.5 ? 1 : 0,
      ngScore: worst.ngScore,
      probabilities: worst.probabilities,
      regions,
    };
  });
}

const FRAMES = boards(90);
const OPTIONS = {
  classes: CLASSES,
  limits: LIMITS,
  seed: 1,
  sliceBy: ["shift"],
  folds: FRAMES.map((_, index) => Math.floor(index / 30)),
};

test("regions are ranked beside frames, and only those whose truth the marks decide", () => {
  const { regions, quality, calibration } = evaluateFrames(FRAMES, OPTIONS);
  expect(regions).toMatchObject({ count: 360, decided: 300 });
  expect(regions?.auroc?.value).toBeGreaterThan(quality.auroc?.value ?? 1);
  expect(calibration?.regions).toBe(300);
  expect(quality).toMatchObject({ frames: 90, parts: 45 });
});

test("out-of-fold frames get the figures of every fold and their spread", () => {
  const { folds } = evaluateFrames(FRAMES, OPTIONS);
  expect(folds?.frames).toEqual([30, 30, 30]);
  expect(folds?.auroc.perFold).toHaveLength(3);
  expect(folds?.auroc.standardDeviation).toBeGreaterThan(0);
  expect(evaluateFrames(FRAMES, { ...OPTIONS, folds: FRAMES.map((_, index) => index % 3) }).folds?.auroc).toMatchObject(
    {
      // The first fold holds every defect, so no fold can rank by itself, save the one with the unknown label.
      perFold: [null, expect.any(Number), null],
    },
  );
});

test("a label the model does not know has its row but no class", () => {
  const { confusion, classes } = evaluateFrames(FRAMES, OPTIONS);
  expect(confusion.guesses).toEqual(["good", "<scratch>"]);
  expect(confusion.rows.map(({ label }) => label)).toEqual(["good", "<scratch>", "unheard-of"]);
  expect(classes.find(({ name }) => name === "unheard-of")).toMatchObject({ kind: "defect", misnamed: { share: 1 } });
});

test("the same frames give the same evaluation, and nothing in it is lost as JSON", () => {
  const evaluation = evaluateFrames(FRAMES, OPTIONS);
  expect(evaluateFrames(FRAMES, OPTIONS)).toEqual(evaluation);
  expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
});

test("the page shows folds, a void certificate and foreign names as text", () => {
  const sha = "a".repeat(64);
  const html = evaluationReport({
    model: {
      manifest: {
        name: "board",
        version: "1.0.0",
        classes: [...CLASSES],
        input: { width: 32, height: 32, channels: 3 },
        regions: { mode: "grid", rows: 2, cols: 2, marginPx: 0 },
        decision: { temperature: 1, ...LIMITS },
        certificate: {
          maxEscape: 0.01,
          confidence: 0.95,
          parts: 300,
          escapes: 0,
          passBelow: 0.3,
          overkill: null,
          modelSha256: "b".repeat(64),
          calibrationSetSha256: sha,
          issuedAt: "2026-01-01T00:00:00Z",
        },
      },
      modelSha256: sha,
      modelBytes: 1000,
    },
    evaluation: evaluateFrames(FRAMES, OPTIONS),
    dataNames: ["boards"],
    createdAt: "2026-01-01T00:00:00Z",
    leftOut: [{ file: "<b>.png", reason: "empty file" }],
    thumbnails: new Map(),
  });
  expect(html).toContain("fold 3 (30 frames)");
  expect(html).toContain("the certificate is void: it is of another model.onnx");
  expect(html).toContain("&lt;scratch&gt;");
  expect(html).not.toContain("<scratch>");
  expect(html).not.toContain("<b>.png");
});
