import { frameStatistics } from "../imaging/frame-statistics.ts";
import type { PixelRect } from "../imaging/pixel-rect.ts";
import { decide, type Decision } from "../pipeline/decide/decide.ts";
import type { RegionScores } from "../pipeline/decide/region-scores.ts";
import type { CapturedFrame, Frame } from "../pipeline/frame.ts";
import type { InferenceEngine, InferenceResult } from "../pipeline/infer/inference-engine.ts";
import type { InspectionStages } from "../pipeline/inspect.ts";
import type { BatchPool } from "../pipeline/preprocess/batch-pool.ts";
import { batchBytes, planRegions, preprocess } from "../pipeline/preprocess/preprocess.ts";
import { checkSanity, type SanityFinding } from "../pipeline/sanity/sanity-gate.ts";
import type { Slots } from "../platform/slots.ts";
import type { Recipe } from "./recipe.ts";

/** What the sanity gate remembers from one frame to the next. */
export interface FrameMemory {
  previous: { readonly seq: number; readonly hash: bigint; readonly hashBefore: bigint | undefined } | undefined;
}

export interface PreparedRegions {
  readonly rects: readonly PixelRect[];
  /** uint8 NHWC RGB batch, one region after the other. */
  readonly pixels: Uint8Array;
}

interface StageWorld {
  readonly engine: InferenceEngine;
  readonly slots: Slots;
  readonly batches: BatchPool;
  readonly memory: FrameMemory;
  readonly capture: (signal: AbortSignal) => Promise<CapturedFrame>;
  /** The frame comes from a camera. */
  readonly live: boolean;
}

/** The stages of one part with one recipe. */
export class RecipeStages implements InspectionStages<PreparedRegions, InferenceResult> {
  readonly #recipe: Recipe;
  readonly #world: StageWorld;

  constructor(recipe: Recipe, world: StageWorld) {
    this.#recipe = recipe;
    this.#world = world;
  }

  capture(signal: AbortSignal): Promise<CapturedFrame> {
    return this.#world.capture(signal);
  }

  checkSanity({ image, seq }: Frame): SanityFinding {
    const { memory, live } = this.#world;
    const statistics = frameStatistics(image, { thumbnail: this.#recipe.reference !== undefined });
    // Two triggers may share a frame: both are compared with the frame before it, so that neither passes a frozen one.
    const { previous } = memory;
    const previousHash = previous?.seq === seq ? previous.hashBefore : previous?.hash;
    if (live) memory.previous = { seq, hash: statistics.contentHash, hashBefore: previousHash };
    const { widthPx, heightPx } = image;
    return checkSanity(
      { statistics, widthPx, heightPx, live, previousHash, reference: this.#recipe.reference },
      this.#recipe.sanity,
    );
  }

  preprocess({ image }: Frame): PreparedRegions {
    const rects = planRegions(image, this.#recipe.regions);
    const { width, height } = this.#recipe.bundle.manifest.input;
    const input = { widthPx: width, heightPx: height };
    const batch = this.#world.batches.take(batchBytes(rects.length, input));
    return { rects, pixels: preprocess(image, rects, input, batch) };
  }

  async infer({ rects, pixels }: PreparedRegions, signal: AbortSignal): Promise<InferenceResult> {
    const { slots, batches } = this.#world;
    const engine = this.#recipe.engine ?? this.#world.engine;
    const release = await slots.acquire(signal);
    try {
      const result = engine.infer(this.#recipe.bundle.modelSha256, { pixels, count: rects.length });
      batches.give(pixels); // the engine has read them
      return await result;
    } finally {
      release();
    }
  }

  decide({ rects }: PreparedRegions, result: InferenceResult): Decision {
    return decide(scoresByRegion(rects, result), this.#recipe.classes, this.#recipe.rules);
  }
}

/** Cuts the batch's outputs into regions; views, no copies. */
export function scoresByRegion(rects: readonly PixelRect[], result: InferenceResult): RegionScores[] {
  const classes = result.probabilities.length / rects.length;
  const embeddingSize = result.embedding.length / rects.length;
  const heatmapRows = result.heatmapHeight;
  const heatmapCols = result.heatmapWidth;
  const heatmapSize = classes * heatmapRows * heatmapCols;
  return rects.map((rect, index) => ({
    rect,
    probabilities: result.probabilities.subarray(index * classes, (index + 1) * classes),
    embedding: result.embedding.subarray(index * embeddingSize, (index + 1) * embeddingSize),
    heatmap: result.heatmap.subarray(index * heatmapSize, (index + 1) * heatmapSize),
    heatmapRows,
    heatmapCols,
  }));
}
