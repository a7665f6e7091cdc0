import type { ModelClass } from "../contracts/model-bundle.ts";
import { ngScore } from "../pipeline/decide/decide.ts";
import { imageInput } from "./embed-regions.ts";
import { frameOf, type JudgedFrame, type JudgedRegion } from "./judged-frame.ts";
import type { LearningSet } from "./learning-set.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import type { PixelStore } from "./pixel-store.ts";

export interface JudgeRegionsJob {
  readonly set: LearningSet;
  readonly classes: readonly ModelClass[];
  readonly runtime: OnnxProcess;
  readonly onProgress: (done: number, total: number) => void;
}

const BATCH = 16;

/** Probabilities [classes] of some regions of the store by a bundle's model, in their order. */
export async function judgeRegions(
  model: Uint8Array,
  store: PixelStore,
  indices: readonly number[],
  { classes, runtime, onProgress }: Omit<JudgeRegionsJob, "set">,
): Promise<Float32Array[]> {
  await runtime.load(model);
  const rows: Float32Array[] = [];
  for (let start = 0; start < indices.length; start += BATCH) {
    const chosen = indices.slice(start, start + BATCH);
    const [values] = await runtime.run([imageInput(store, chosen)], ["probabilities"]);
    for (let row = 0; row < chosen.length; row++) {
      rows.push(values?.slice(row * classes.length, (row + 1) * classes.length) ?? new Float32Array());
    }
    onProgress(rows.length, indices.length);
  }
  return rows;
}

/** Regions joined to the frames they were cut from, decided as the device decides: the worst region counts. */
export function judgedFrames(
  store: PixelStore,
  indices: readonly number[],
  rows: readonly Float32Array[],
  { set, classes }: Pick<JudgeRegionsJob, "set" | "classes">,
): JudgedFrame[] {
  const byFrame = Map.groupBy(indices.keys(), (place) => store.regions[indices[place] ?? -1]?.sampleIndex ?? -1);
  return [...byFrame].flatMap(([sampleIndex, places]) => {
    const sample = set.samples[sampleIndex];
    const regions = places.flatMap((place): JudgedRegion[] => {
      const region = store.regions[indices[place] ?? -1];
      const probabilities = rows[place];
      if (region === undefined || probabilities === undefined) return [];
      const defective = classes[region.classIndex]?.kind === "defect";
      const score = ngScore(probabilities, classes);
      return [{ rect: region.rect, probabilities, ngScore: score, truth: region.classIndex, defective }];
    });
    if (sample === undefined || regions.length === 0) return [];
    const truth = classes.findIndex(({ name }) => name === sample.label);
    return [frameOf(sample, regions, { truth, defective: classes[truth]?.kind !== "good" })];
  });
}
