import { MODEL_INPUT } from "../../contracts/model-bundle.ts";
import type { Model } from "../../onnx/model-file.ts";
import { inferShapes } from "../../onnx/tensor-shapes.ts";
import type { MonotonicMs } from "../../platform/clock.ts";
import { seededRandom } from "../../platform/random.ts";
import { loadBase } from "../base-model.ts";
import { EMBEDDING } from "../device-graph.ts";
import { networkBlocks, parseLayers, trainedFrom } from "../network-blocks.ts";
import { ADAM_DEFAULTS } from "./adam.ts";
import { imageTargets } from "./soft-targets.ts";
import { stageGraphs } from "./stage-graphs.ts";
import { trainableNetwork } from "./trainable-network.ts";
import { TrainingProcess } from "./training-process.ts";

export interface FineTuneSpeed {
  readonly imagesPerSecond: number;
  /** Median of the steps. */
  readonly stepMs: number;
}

export interface SpeedJob {
  readonly basePath: string;
  readonly layers: string;
  readonly sizePx: number;
  readonly batchSize: number;
  readonly threads: number;
  readonly tick: () => MonotonicMs;
}

const WARM_UP_STEPS = 3;
const TIMED_STEPS = 9;
const CLASS_COUNT = 6;
const SEED = 1;

/**
 * Steps of the fine-tuner as a training run takes them (message to the training process, gradients, optimiser) on a
 * batch that the training process holds ready, as the steps of the frameworks it is compared with.
 */
export async function measureFineTuning(job: SpeedJob): Promise<FineTuneSpeed> {
  const size = { widthPx: job.sizePx, heightPx: job.sizePx };
  const backbone = await loadBase(job.basePath, size);
  const stage = trainedFrom(networkBlocks(backbone), parseLayers(job.layers));
  const random = seededRandom(SEED);
  const embeddingSize = embeddingSizeOf(backbone, [job.batchSize, job.sizePx, job.sizePx, 3]);
  const weights = Float32Array.from({ length: embeddingSize * CLASS_COUNT }, () => (random() - 0.5) * 0.02);
  const head = { embeddingSize, classCount: CLASS_COUNT, weights, bias: new Float32Array(CLASS_COUNT) };
  const settings = {
    batchSize: job.batchSize,
    cellLossWeight: 0,
    headRate: 1,
    optimizer: ADAM_DEFAULTS,
    threads: job.threads,
  };
  const training = new TrainingProcess();
  training.start();
  try {
    const channelBlock = await training.channelBlock();
    await training.open(stageGraphs({ ...size, channelBlock, settings }, stage, trainableNetwork(backbone, head)));
    const dims = [job.batchSize, job.sizePx, job.sizePx, 3];
    const data = Uint8Array.from({ length: dims.reduce((product, dim) => product * dim) }, () => random() * 256);
    await training.rescale([{ data, dims }]);
    await training.prepare({ data, dims });
    const classIndices = Array.from({ length: job.batchSize }, (_, row) => row % CLASS_COUNT);
    const batch = { targets: [imageTargets(classIndices, CLASS_COUNT, 0)], learningRate: 1e-4 };
    const stepsMs: number[] = [];
    for (let step = 0; step < WARM_UP_STEPS + TIMED_STEPS; step++) {
      const start = job.tick();
      await training.step(batch);
      if (step >= WARM_UP_STEPS) stepsMs.push(job.tick() - start);
    }
    const stepMs = stepsMs.sort((a, b) => a - b)[Math.floor(stepsMs.length / 2)] ?? NaN;
    return { imagesPerSecond: (job.batchSize * 1000) / stepMs, stepMs };
  } finally {
    await training.stop();
  }
}

function embeddingSizeOf({ graph }: Model, imageShape: readonly number[]): number {
  const size = inferShapes(graph, new Map([[MODEL_INPUT, imageShape]])).get(EMBEDDING)?.[1];
  if (size === undefined) throw new Error("the base has no embedding");
  return size;
}
