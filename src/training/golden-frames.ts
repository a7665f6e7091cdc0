import { type BundleManifest, MODEL_INPUT, type ModelClass } from "../contracts/model-bundle.ts";
import { encodePng } from "../imaging/encode-jpeg.ts";
import type { Image } from "../imaging/image.ts";
import { preprocess } from "../pipeline/preprocess/preprocess.ts";
import { DEFAULT_LINE, DEFECT_CLASSES, type LineSettings } from "../simulation/line-settings.ts";
import { renderPart, type SimulatedPart } from "../simulation/render-part.ts";
import type { InputSizePx } from "./model-pixels.ts";
import type { OnnxProcess } from "./onnx-process.ts";

/** Apart from every seed training uses by default. */
const GOLDEN_SEED = 20_260;

export type GoldenFile = BundleManifest["golden"][number] & {
  readonly png: Uint8Array;
};

/**
 * One simulated part of each class with what the loaded model says to it. They show that a device computes what was
 * computed here, whatever the model was trained on; they do not show that the model is any good.
 */
export async function goldenFrames(
  runtime: OnnxProcess,
  classes: readonly ModelClass[],
  size: InputSizePx,
): Promise<GoldenFile[]> {
  const files: GoldenFile[] = [];
  for (const { image, label } of goldenParts()) {
    const scores = await goldenScores(runtime, image, { classes, size });
    files.push({ file: `golden/${label}.png`, scores, png: await encodePng(image) });
  }
  return files;
}

/** What the loaded model says to a golden frame, the whole of it as one region. */
export async function goldenScores(
  runtime: OnnxProcess,
  image: Image,
  model: { readonly classes: readonly ModelClass[]; readonly size: InputSizePx },
): Promise<Record<string, number>> {
  const whole = { xPx: 0, yPx: 0, widthPx: image.widthPx, heightPx: image.heightPx };
  const dims = [1, model.size.heightPx, model.size.widthPx, 3];
  const data = preprocess(image, [whole], model.size);
  const [probabilities = new Float32Array()] = await runtime.run(
    [{ name: MODEL_INPUT, type: "uint8", data, dims }],
    ["probabilities"],
  );
  return Object.fromEntries(model.classes.map(({ name }, index) => [name, clampShare(probabilities[index] ?? 0)]));
}

function goldenParts(): SimulatedPart[] {
  return ["free" as const, ...DEFECT_CLASSES].map((label) => {
    const line: LineSettings = {
      ...DEFAULT_LINE,
      seed: GOLDEN_SEED,
      defectRate: label === "free" ? 0 : 1,
      classMix: label === "free" ? {} : { [label]: 1 },
    };
    return renderPart(line, 0);
  });
}

/** Softmax in float32 may leave [0, 1] by a rounding. */
const clampShare = (value: number): number => Math.min(1, Math.max(0, value));
