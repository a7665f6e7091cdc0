import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../../src/platform/random.ts";
import { deviceGraph, SYMMETRIC_INPUT } from "../../../src/training/device-graph.ts";
import { ADAM_DEFAULTS } from "../../../src/training/finetune/adam.ts";
import { fineTune, type FineTuneJob, type FineTuneResult } from "../../../src/training/finetune/fine-tune.ts";
import { positionFile } from "../../../src/training/finetune/position-file.ts";
import { TrainingProcess } from "../../../src/training/finetune/training-process.ts";
import { encodeModel } from "../../../src/onnx/model-file.ts";
import { tinyBackbone } from "../tiny-backbone.ts";

const SIZE_PX = 16;
const BATCH = 8;
const CLASSES = 2;
const training = new TrainingProcess();
let folder = "";
beforeAll(async () => {
  training.start();
  folder = await mkdtemp(join(tmpdir(), "sightline-tune-"));
});
afterAll(async () => {
  await training.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Class 1 has vertical stripes and class 0 horizontal ones: the same grey on average, so the layers must learn it. */
function stripes(position: number) {
  const random = seededRandom(position + 1);
  const pixels = new Uint8Array(BATCH * SIZE_PX * SIZE_PX * 3);
  const classIndices = Int32Array.from({ length: BATCH }, () => (random() < 0.5 ? 0 : 1));
  for (let index = 0; index < pixels.length; index++) {
    const place = Math.floor(index / 3);
    const image = Math.floor(place / (SIZE_PX * SIZE_PX));
    const along = classIndices[image] === 1 ? place % SIZE_PX : Math.floor(place / SIZE_PX) % SIZE_PX;
    pixels[index] = (along % 4 < 2 ? 90 : 160) + random() * 30;
  }
  return { pixels, classIndices, coverage: null };
}

function jobOf(changes: Partial<FineTuneJob> = {}): FineTuneJob {
  const backbone = deviceGraph(tinyBackbone(), { widthPx: SIZE_PX, heightPx: SIZE_PX, ...SYMMETRIC_INPUT });
  return {
    widthPx: SIZE_PX,
    heightPx: SIZE_PX,
    backbone,
    head: { embeddingSize: 8, classCount: CLASSES, weights: new Float32Array(16), bias: new Float32Array(2) },
    goodClass: 0,
    stages: [
      {
        label: "all",
        input: backbone.graph.node.find(({ opType }) => opType === "Conv")?.input[0] ?? "",
        parameters: ["first.weight", "first.bias", "second.weight", "second.bias"],
        steps: 60,
      },
    ],
    batchAt: (position) => Promise.resolve(stripes(position)),
    settings: {
      batchSize: BATCH,
      labelSmoothing: 0,
      cellLossWeight: 0,
      schedule: { peak: 0.05, warmUpShare: 0.1, floorShare: 0.01 },
      optimizer: ADAM_DEFAULTS,
      headRate: 1,
      stepsPerEpoch: 20,
      patienceEpochs: 10,
      threads: 1,
    },
    process: training,
    validate: async (predict) => {
      const { pixels, classIndices } = stripes(100_000);
      const logits = await predict({ data: pixels, dims: [BATCH, SIZE_PX, SIZE_PX, 3] });
      return classIndices.reduce((sum, truth, row) => {
        const margin = (logits[row * CLASSES + 1 - truth] ?? 0) - (logits[row * CLASSES + truth] ?? 0);
        return sum + Math.log1p(Math.exp(margin)) / BATCH;
      }, 0);
    },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    positions: null,
    ...changes,
  };
}

const bytesOf = ({ backbone, head }: FineTuneResult): string =>
  Buffer.concat([encodeModel(backbone), new Uint8Array(head.weights.buffer), Buffer.from(head.bias.buffer)]).toString(
    "base64",
  );

test("all layers learn what a head on the frozen features could not, and the same run gives the same bytes", async () => {
  const first = await fineTune(jobOf());
  expect(first.steps).toBe(60);
  expect(first.history).toHaveLength(3);
  expect(first.history.at(-1)?.validationLoss).toBeLessThan(0.15);
  expect(bytesOf(await fineTune(jobOf()))).toBe(bytesOf(first));
});

test("a run that was cut off goes on where it stood and ends with the bytes of one that was not", async () => {
  const path = join(folder, "run.position");
  const cut = new AbortController();
  const half = await fineTune(
    jobOf({
      signal: cut.signal,
      positions: positionFile(path, "key"),
      onProgress: ({ step }) => (step === 47 ? cut.abort() : undefined),
    }),
  );
  expect(half).toMatchObject({ interrupted: true, steps: 47 });
  const steps: number[] = [];
  const resumed = await fineTune(
    jobOf({ positions: positionFile(path, "key"), onProgress: ({ step }) => steps.push(step) }),
  );
  expect(steps[0]).toBe(41);
  expect(bytesOf(resumed)).toBe(bytesOf(await fineTune(jobOf())));
  expect(await positionFile(path, "another key").load()).toBeNull();
});

test("an interrupted run keeps the best weights so far, not those it started from", async () => {
  const cut = new AbortController();
  const result = await fineTune(
    jobOf({ signal: cut.signal, onProgress: ({ step }) => (step === 45 ? cut.abort() : undefined) }),
  );
  expect(result.interrupted).toBe(true);
  expect(bytesOf(result)).not.toBe(bytesOf({ ...result, backbone: jobOf().backbone, head: jobOf().head }));
});

test("validation that does not get better ends a stage early, and the next begins with the best weights", async () => {
  let calls = 0;
  const job = jobOf({ validate: () => Promise.resolve(++calls) });
  const result = await fineTune({
    ...job,
    settings: { ...job.settings, patienceEpochs: 1, stepsPerEpoch: 10 },
    stages: [...job.stages, ...job.stages],
  });
  // Epoch 1 is the best, epoch 2 is not: 20 steps a stage.
  expect(result.steps).toBe(40);
});

test("a layer of an operator without a gradient is refused by name", async () => {
  const job = jobOf();
  const node = job.backbone.graph.node.find(({ name }) => name === "second_relu");
  if (node !== undefined) node.opType = "Selu";
  await expect(fineTune(job)).rejects.toThrow(/--layers all: .*second_relu is a Selu, which cannot be trained through/);
});
