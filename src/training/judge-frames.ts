import { readFile } from "node:fs/promises";
import { messageOf } from "../contracts/errors.ts";
import { MODEL_INPUT, type ModelClass, type RegionPlan } from "../contracts/model-bundle.ts";
import { decodeImage, type DecodedImage } from "../imaging/decode-image.ts";
import type { Image } from "../imaging/image.ts";
import { ngScore } from "../pipeline/decide/decide.ts";
import { planRegions, preprocess, type RegionRect } from "../pipeline/preprocess/preprocess.ts";
import type { InputSizePx, UnreadableFile } from "./model-pixels.ts";
import { frameOf, type JudgedFrame, type JudgedRegion, type Truth } from "./judged-frame.ts";
import type { LearningSet, Sample } from "./learning-set.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import { regionLabel } from "./region-label.ts";

export interface JudgeOptions {
  /** Of the model; the order of its outputs. */
  readonly classes: readonly ModelClass[];
  readonly input: InputSizePx;
  readonly regions: RegionPlan;
  readonly runtime: OnnxProcess;
  /** Threads of ONNX Runtime; 2 unless told. */
  readonly threads?: number;
  readonly onProgress: (done: number, total: number) => void;
}

export interface JudgedFrames {
  /** In the order of the set, unreadable files left out. */
  readonly frames: readonly JudgedFrame[];
  readonly unreadable: readonly UnreadableFile[];
}

/** Files decoded ahead of the model, so that no core waits; bounded, since photographs are large. */
const DECODES_AHEAD = 4;

/**
 * What a model says to every frame of a set, cut, resampled and decided as the device does it; all regions of a frame
 * are one batch. A label the model does not know is a defect of unknown class (truth -1), unless the set calls it good.
 * `model` are the bytes of an ONNX file with the output `probabilities`. Rejects with ONNX Runtime's sentence when it
 * refuses the model.
 */
export async function judgeFrames(
  model: Uint8Array,
  set: Pick<LearningSet, "classes" | "samples">,
  options: JudgeOptions,
): Promise<JudgedFrames> {
  const truths = truthTable(options.classes, set.classes);
  await options.runtime.load(model, options.threads ?? 2);
  const frames: JudgedFrame[] = [];
  const unreadable: UnreadableFile[] = [];
  const total = set.samples.length;
  let done = 0;
  for await (const { sample, decoded } of decodedAhead(set.samples)) {
    if (decoded.ok) frames.push(await judgeFrame(sample, decoded.image, truths, options));
    else unreadable.push({ file: sample.image.file, path: sample.image.path, reason: decoded.detail });
    options.onProgress(++done, total);
  }
  return { frames, unreadable };
}

async function* decodedAhead(
  samples: readonly Sample[],
): AsyncGenerator<{ readonly sample: Sample; readonly decoded: DecodedImage }> {
  const begin = (sample: Sample) => ({ sample, decoding: decodeFile(sample.image.path) });
  const queue = samples.slice(0, DECODES_AHEAD).map(begin);
  for (let next = DECODES_AHEAD; ; next++) {
    const first = queue.shift();
    if (first === undefined) return;
    const ahead = samples[next];
    if (ahead !== undefined) queue.push(begin(ahead));
    yield { sample: first.sample, decoded: await first.decoding };
  }
}

/** A file that went away since it was listed is unreadable like a broken one. */
const decodeFile = (path: string): Promise<DecodedImage> =>
  readFile(path)
    .then((bytes) => decodeImage(bytes))
    .catch((error: unknown) => ({ ok: false, reason: "unreadable", detail: messageOf(error) }));

async function judgeFrame(
  sample: Sample,
  image: Image,
  truths: TruthTable,
  options: JudgeOptions,
): Promise<JudgedFrame> {
  const rects = planRegions(image, options.regions);
  const probabilities = await probabilitiesOf(image, rects, options);
  const regions = rects.map((rect, index): JudgedRegion => {
    const ofRegion = probabilities[index] ?? new Float32Array();
    const isWhole = rect.widthPx === image.widthPx && rect.heightPx === image.heightPx;
    const label = regionLabel(sample.image, rect, isWhole, truths.goodLabels);
    const truth = label === null ? null : truths.of(label);
    return {
      rect,
      probabilities: ofRegion,
      ngScore: ngScore(ofRegion, options.classes),
      truth: truth?.truth ?? null,
      defective: truth?.defective ?? null,
    };
  });
  return frameOf(sample, regions, truths.of(sample.label));
}

async function probabilitiesOf(
  image: Image,
  rects: readonly RegionRect[],
  { classes, input, runtime }: JudgeOptions,
): Promise<Float32Array[]> {
  const data = preprocess(image, rects, input);
  const dims = [rects.length, input.heightPx, input.widthPx, 3];
  const [output] = await runtime.run([{ name: MODEL_INPUT, type: "uint8", data, dims }], ["probabilities"]);
  const count = classes.length;
  if (output?.length !== rects.length * count) {
    throw new Error(`the model gave ${output?.length ?? 0} probabilities instead of ${rects.length} x ${count}`);
  }
  return rects.map((_, index) => output.slice(index * count, (index + 1) * count));
}

interface TruthTable {
  /** Good labels, those the model knows first. */
  readonly goodLabels: readonly string[];
  of(label: string): Truth;
}

/** A good label the model does not know counts as its good class, where it has but one. */
function truthTable(classes: readonly ModelClass[], ofData: readonly ModelClass[]): TruthTable {
  const isGood = ({ kind }: ModelClass): boolean => kind === "good";
  const known = new Map(classes.map(({ name, kind }, truth) => [name, { truth, defective: kind === "defect" }]));
  const onlyGood = classes.filter(isGood).length === 1 ? classes.findIndex(isGood) : -1;
  const extraGood = ofData.filter((each) => isGood(each) && !known.has(each.name)).map(({ name }) => name);
  return {
    goodLabels: [...classes.filter(isGood).map(({ name }) => name), ...extraGood],
    of: (label) =>
      known.get(label) ??
      (extraGood.includes(label) ? { truth: onlyGood, defective: false } : { truth: -1, defective: true }),
  };
}

/** One sentence for each label of the data the model does not know, for the user; empty when it knows them all. */
export function unknownLabelWarnings(classes: readonly ModelClass[], ofData: readonly ModelClass[]): string[] {
  const known = new Set(classes.map(({ name }) => name));
  return ofData
    .filter(({ name }) => !known.has(name))
    .map(({ name, kind }) =>
      kind === "good"
        ? `the model has no class ${name}; its frames count as good`
        : `the model has no class ${name}; its frames count as defects of unknown class: name it with --good if it is good`,
    );
}
