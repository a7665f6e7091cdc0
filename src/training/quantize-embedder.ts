import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { observeRanges, widenRanges } from "../onnx/quantize/observe-ranges.ts";
import type { TensorRange } from "../onnx/quantize/quantization-parameters.ts";
import { quantizeModel } from "../onnx/quantize/quantize-model.ts";
import { tensorsToObserve } from "../onnx/quantize/plan-quantization.ts";
import { indexGraph } from "../onnx/graph.ts";
import { seededRandom, shuffle } from "../platform/random.ts";
import { HEAD_PREFIX } from "./device-graph.ts";
import { type InputSizePx, modelPixels } from "./embed.ts";
import type { Sample } from "./learning-set.ts";
import type { OnnxProcess } from "./onnx-process.ts";

export const CALIBRATION_FRAMES = 128;

/** The head stays float32: it costs next to nothing, and its rounding would cost most. */
export const isHeadNode = (nodeName: string): boolean => nodeName.startsWith(HEAD_PREFIX);

export interface CalibrationJob extends InputSizePx {
  readonly runtime: OnnxProcess;
  readonly onProgress: (done: number) => void;
}

/** Least and greatest activations of a device graph on some frames of every data folder and class. */
export async function calibrateRanges(
  model: Model,
  samples: readonly Sample[],
  job: CalibrationJob,
): Promise<Map<string, TensorRange>> {
  const tensors = tensorsToObserve(model.graph, indexGraph(model.graph), isHeadNode);
  const observed = observeRanges(model, tensors);
  await job.runtime.load(encodeModel(observed.model));
  const ranges = new Map<string, TensorRange>();
  const dims = [1, job.heightPx, job.widthPx, 3];
  for (const [done, { image }] of samples.entries()) {
    const data = await modelPixels(image.path, job);
    const outputs = await job.runtime.run([{ name: MODEL_INPUT, type: "uint8", data, dims }], observed.outputs);
    widenRanges(ranges, tensors, outputs);
    job.onProgress(done + 1);
  }
  return ranges;
}

/** Frames from every data folder and class in turn, chosen by the seed. */
export function calibrationSamples(samples: readonly Sample[], count: number, seed: number): Sample[] {
  const shuffled = shuffle([...samples], seededRandom(seed));
  const queues = [...Map.groupBy(shuffled, ({ source, label }) => `${source} ${label}`).values()];
  const chosen: Sample[] = [];
  for (let round = 0; chosen.length < Math.min(count, samples.length); round++) {
    for (const queue of queues) {
      const sample = queue[round];
      if (sample !== undefined && chosen.length < count) chosen.push(sample);
    }
  }
  return chosen;
}

export const quantizeDeviceGraph = (model: Model, ranges: ReadonlyMap<string, TensorRange>): Model =>
  quantizeModel(model, ranges, { keepFloat: isHeadNode, target: "cpu" });
