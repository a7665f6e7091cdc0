import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import type { BundleManifest } from "../../contracts/model-bundle.ts";
import { decodeImage } from "../../imaging/decode-image.ts";
import type { Image } from "../../imaging/image.ts";
import type { PixelRect } from "../../imaging/pixel-rect.ts";
import type { InferenceRequest, InferenceResult, ModelBundle, ProviderName } from "./inference-engine.ts";

/** The device's own preprocessing: regions of an image as uint8 NHWC RGB of the model's size. */
export type Preprocess = (
  image: Image,
  rects: readonly PixelRect[],
  size: { readonly widthPx: number; readonly heightPx: number },
) => Uint8Array;

interface GoldenInput {
  readonly file: string;
  readonly request: InferenceRequest;
  readonly scores: Readonly<Record<string, number>>;
}

/** A model of the pool. `provider` changes only while it is being loaded for the first time. */
export interface PoolModel {
  /** Names the model between the device and its processes. */
  readonly number: number;
  readonly bundle: ModelBundle;
  readonly golden: readonly GoldenInput[];
  provider: ProviderName;
}

/** Throws SightlineError BUNDLE_INVALID for a golden frame that is no image. */
export async function readPoolModel(bundle: ModelBundle, number: number, preprocess: Preprocess): Promise<PoolModel> {
  const golden: GoldenInput[] = [];
  for (const { file, scores } of bundle.manifest.golden) {
    const path = join(bundle.directoryPath, file);
    const bytes = await readFile(path).catch((error: unknown) => {
      throw new SightlineError("BUNDLE_INVALID", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
    });
    const decoded = await decodeImage(bytes);
    if (!decoded.ok) throw new SightlineError("BUNDLE_INVALID", `${path} is no golden frame: ${decoded.detail}`);
    const { widthPx, heightPx } = decoded.image;
    const size = { widthPx: bundle.manifest.input.width, heightPx: bundle.manifest.input.height };
    const pixels = preprocess(decoded.image, [{ xPx: 0, yPx: 0, widthPx, heightPx }], size);
    golden.push({ file, scores, request: { pixels, count: 1 } });
  }
  return { number, bundle, golden, provider: "cpu" };
}

type Run = (request: InferenceRequest) => Promise<InferenceResult>;

/**
 * Warms a model up at the batch sizes it will meet, then compares its golden frames with the manifest.
 * Throws SightlineError GOLDEN_MISMATCH naming frame, class, expected and got score; and what `run` throws.
 */
export async function proveModel(model: PoolModel, run: Run): Promise<void> {
  const { manifest, directoryPath } = model.bundle;
  const { width, height } = manifest.input;
  for (const count of new Set([1, regionsPerFrame(manifest)])) {
    await run({ pixels: new Uint8Array(count * width * height * 3).fill(128), count });
  }
  for (const frame of model.golden) {
    const { probabilities } = await run(frame.request);
    manifest.classes.forEach(({ name }, at) => {
      const expected = frame.scores[name] ?? Number.NaN;
      const got = probabilities[at] ?? Number.NaN;
      if (Math.abs(got - expected) <= manifest.goldenTolerance) return;
      throw new SightlineError(
        "GOLDEN_MISMATCH",
        `${join(directoryPath, frame.file)} should score ${expected} for ${name} but scores ${got.toFixed(6)} on ` +
          `${model.provider}, more than ${manifest.goldenTolerance} away`,
      );
    });
  }
}

const regionsPerFrame = ({ regions }: BundleManifest): number =>
  regions.mode === "grid" ? regions.rows * regions.cols : 1;
