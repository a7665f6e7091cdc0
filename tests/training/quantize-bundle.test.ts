import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initializerNamed, replaceInitializer } from "../../src/onnx/graph.ts";
import { copyModel, decodeModel, encodeModel } from "../../src/onnx/model-file.ts";
import { shiftBias } from "../../src/onnx/quantize/shift-bias.ts";
import { floatData, makeTensor, tensorData, tensorDims } from "../../src/onnx/tensor.ts";
import { openBundle } from "../../src/pipeline/infer/open-bundle.ts";
import { attachHead } from "../../src/training/attach-head.ts";
import { deviceGraph, SYMMETRIC_INPUT } from "../../src/training/device-graph.ts";
import { type EditableBundle, readBundle } from "../../src/training/edit-bundle.ts";
import { layerErrors } from "../../src/training/layer-errors.ts";
import { type LearningSet, makeLearningSet } from "../../src/training/learning-set.ts";
import type { ScoredFrame } from "../../src/training/metrics.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { LARGEST_LOSS, parity, requireParity } from "../../src/training/parity.ts";
import { quantizeBundle, type QuantizeBundleJob } from "../../src/training/quantize-bundle.ts";
import { isHeadNode, quantizeCheckpoint } from "../../src/training/quantize-checkpoint.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { TINY_BUNDLE, writeSpottedParts } from "./spotted-parts.ts";
import { testPixels, tinyBackbone, tinyHead } from "./tiny-backbone.ts";

const SIDE = { widthPx: 32, heightPx: 32 } as const;
const runtime = new OnnxProcess();
const checkpoint = attachHead(deviceGraph(tinyBackbone(), { ...SIDE, ...SYMMETRIC_INPUT }), tinyHead, 1);
let folder = "";
let set: LearningSet;
let bundle: EditableBundle;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-quantize-"));
  runtime.start();
  await writeSpottedParts(join(folder, "data"), { good: 12, defective: 12 });
  set = await makeLearningSet([await readDataFolder(join(folder, "data"))], {});
  const { manifest, files } = await readBundle(TINY_BUNDLE);
  const input = { ...manifest.input, width: SIDE.widthPx, height: SIDE.heightPx };
  const decision = { ...manifest.decision, temperature: 1 };
  bundle = {
    manifest: { ...manifest, input, decision, regions: { mode: "full" } },
    files: new Map([...files, ["checkpoint.onnx", encodeModel(checkpoint)]]),
  };
});
afterAll(async () => {
  await runtime.stop();
  await rm(folder, { recursive: true, force: true });
});

const job = (name: string): QuantizeBundleJob => ({
  bundle,
  outPath: join(folder, name),
  set,
  target: "cpu",
  method: "minmax",
  frames: 8,
  largestLoss: { auroc: 1, balancedAccuracy: 1 },
  seed: 1,
  runtime,
  onProgress: () => undefined,
});

test("quantize writes a bundle that a device accepts, with its cost on the card, and the same one again", async () => {
  const { manifest, cost, int8, float32 } = await quantizeBundle(job("first"));
  const opened = await openBundle(join(folder, "first"));
  expect(opened.manifest).toEqual(manifest);
  expect(manifest.certificate).toBeNull();
  expect(manifest.decision).toEqual(bundle.manifest.decision);
  expect(cost.frames).toBe(24);
  expect(cost.largestScoreChange).toBeLessThan(0.1);
  expect(int8.bytes).not.toBe(float32.bytes);
  expect(await readFile(join(folder, "first/MODEL_CARD.md"), "utf8")).toContain("## Quantisation\n\nint8 for cpu");
  const bytes = (name: string) => readFile(join(folder, name, "model.onnx"));
  await quantizeBundle(job("second"));
  expect((await bytes("second")).equals(await bytes("first"))).toBe(true);
  const operators = decodeModel(await bytes("first")).graph.node.map(({ opType }) => opType);
  expect(operators).toContain("QuantizeLinear");
});

test("a model that loses more than allowed is refused and nothing is written", async () => {
  const refused = quantizeBundle({ ...job("refused"), largestLoss: { auroc: -1, balancedAccuracy: 1 } });
  await expect(refused).rejects.toMatchObject({ code: "QUANTIZATION_REFUSED" });
  await expect(access(join(folder, "refused"))).rejects.toThrow();
});

test("a bundle without its checkpoint is refused with what to do", async () => {
  const files = new Map([...bundle.files].filter(([name]) => name !== "checkpoint.onnx"));
  await expect(quantizeBundle({ ...job("none"), bundle: { ...bundle, files } })).rejects.toThrow(
    "has no checkpoint.onnx, which int8 is made from",
  );
});

test.for(["cpu", "tensorrt"] as const)("a layer that was broken for %s is named first", async (target) => {
  const frames = { ...SIDE, pixels: [1, 2, 3].map((seed) => testPixels(1, SIDE.widthPx, SIDE.heightPx, seed)) };
  const run = { runtime, keepFloat: isHeadNode, onFrame: () => undefined, target };
  const { model, layers } = await quantizeCheckpoint({
    checkpoint,
    frames,
    method: "minmax",
    ...run,
    onProgress: () => undefined,
  });
  expect(layers.map(({ layer }) => layer).sort()).toEqual(["first", "second"]);
  for (const { signalToNoiseDb } of layers) expect(signalToNoiseDb).toBeGreaterThan(25);
  const broken = copyModel(model);
  const scale = initializerNamed(broken.graph, "second_conv.weight.scale");
  replaceInitializer(
    broken.graph,
    makeTensor(
      scale.name,
      tensorDims(scale),
      floatData(scale).map((step) => 3 * step),
    ),
  );
  const [worst, next] = await layerErrors(checkpoint, broken, frames, run);
  expect(worst?.layer).toBe("second");
  expect(worst?.signalToNoiseDb).toBeLessThan(10);
  expect(next?.addedNoise).toBeLessThan(worst?.addedNoise ?? 0);
});

const scored = (ngScores: readonly number[], guesses: readonly number[]): ScoredFrame[] =>
  ngScores.map((ngScore, index) => ({
    group: String(index),
    defective: index >= 2,
    ngScore,
    truth: index >= 2 ? 1 : 0,
    guess: guesses[index] ?? 0,
  }));

test("parity counts what changed, and the gate names the layers that add most noise", () => {
  const rules = { passBelow: 0.3, rejectFrom: 0.7 };
  const cost = parity(scored([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]), scored([0.1, 0.8, 0.6, 0.9], [0, 1, 1, 1]), rules);
  expect(cost).toMatchObject({ frames: 4, aurocLoss: 0.25, balancedAccuracyLoss: 0.25, verdictAgreement: 0.5 });
  expect(cost.classAgreement).toBe(0.75);
  expect(cost.largestScoreChange).toBeCloseTo(0.6, 12);
  const layers = ["a", "b", "c", "d"].map((layer) => ({ layer, signalToNoiseDb: 3, addedNoise: 1 }));
  expect(() => requireParity(cost, LARGEST_LOSS, layers)).toThrow("a (3.0 dB), b (3.0 dB), c (3.0 dB). Nothing");
  expect(() => requireParity(cost, { auroc: 0.25, balancedAccuracy: 0.25 }, layers)).not.toThrow();
  expect(() => parity(scored([0.1], [0]), [], rules)).toThrow("1 frames judged in float32, 0 in int8");
});

test("a bias at the end of int32 stops there instead of wrapping around", async () => {
  const model = decodeModel(encodeModel(checkpoint));
  model.graph.initializer.push(
    makeTensor("bias", [2], Int32Array.of(2 ** 31 - 10, 5)),
    makeTensor("steps", [2], Float32Array.of(0.01, 0.5)),
  );
  const site = { floatTensor: "", integerTensor: "", bias: "bias", scale: "steps" };
  const shifted = shiftBias(model, site, Float32Array.of(1, -2));
  expect([...tensorData(initializerNamed(shifted.graph, "bias"))]).toEqual([2 ** 31 - 1, 1]);
});
