import { setImmediate as turn } from "node:timers/promises";
import type { VerdictKind } from "../../contracts/verdict.ts";
import type { Image } from "../../imaging/image.ts";
import { decide } from "../../pipeline/decide/decide.ts";
import type { InferenceEngine } from "../../pipeline/infer/inference-engine.ts";
import { planRegions, preprocess } from "../../pipeline/preprocess/preprocess.ts";
import { scoresByRegion } from "../recipe-stages.ts";
import type { Recipe } from "../recipe.ts";

export interface SpareTimeParts {
  readonly engine: InferenceEngine;
  readonly recipe: Recipe;
  /** No part waits for its verdict. */
  readonly isIdle: () => boolean;
}

/** What a part would have got; `fault`: the model gave no answer, and why. */
export type Judgement =
  | { readonly kind: Exclude<VerdictKind, "fault">; readonly inferMs: number }
  | { readonly kind: "fault"; readonly error: unknown };

/** Judges an image as a recipe would, without a line around it. Throws what the engine throws. */
export async function judgeImage(
  image: Image,
  { engine, recipe }: Pick<SpareTimeParts, "engine" | "recipe">,
): Promise<Exclude<Judgement, { kind: "fault" }>> {
  const rects = planRegions(image, recipe.regions);
  const { width, height } = recipe.bundle.manifest.input;
  const pixels = preprocess(image, rects, { widthPx: width, heightPx: height });
  const result = await engine.infer(recipe.bundle.modelSha256, { pixels, count: rects.length });
  const { verdict } = decide(scoresByRegion(rects, result), recipe.classes, recipe.rules);
  return { kind: verdict, inferMs: result.inferMs };
}

/**
 * Judges frames of the line once more, in spare time only: one at a time, begun in a turn of its own and only while no
 * part waits. Frames that come otherwise are left out; the line never waits for it, and what it says reaches nobody but
 * the listener.
 */
export class SpareTimeJudge {
  readonly #parts: SpareTimeParts;
  #busy = false;
  #stopped = false;
  /** Frames that were left out, since there was no spare time. */
  skipped = 0;

  constructor(parts: SpareTimeParts) {
    this.#parts = parts;
  }

  /** Returns at once. */
  offer(image: Image, onJudged: (judgement: Judgement) => void): void {
    if (this.#busy || this.#stopped) {
      this.skipped++;
      return;
    }
    this.#busy = true;
    void this.#judge(image, onJudged).finally(() => (this.#busy = false));
  }

  /** What is under way is not told any more. */
  stop(): void {
    this.#stopped = true;
  }

  async #judge(image: Image, onJudged: (judgement: Judgement) => void): Promise<void> {
    await turn(); // the verdict leaves first
    if (this.#stopped || !this.#parts.isIdle()) {
      this.skipped++;
      return;
    }
    const judgement = await judgeImage(image, this.#parts).catch((error: unknown): Judgement => ({
      kind: "fault",
      error,
    }));
    if (!this.#stopped) onJudged(judgement);
  }
}
