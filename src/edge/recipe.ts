import { readFile } from "node:fs/promises";
import { SightlineError } from "../contracts/errors.ts";
import type { ModelClass, RegionPlan } from "../contracts/model-bundle.ts";
import { decodeImage } from "../imaging/decode-image.ts";
import { frameStatistics } from "../imaging/frame-statistics.ts";
import type { DecisionRules } from "../pipeline/decide/decide.ts";
import { openBundle } from "../pipeline/infer/open-bundle.ts";
import type { InferenceEngine, ModelBundle } from "../pipeline/infer/inference-engine.ts";
import { SanityLimits } from "../pipeline/sanity/sanity-gate.ts";
import type { RecipeConfig } from "./device-config.ts";

/** A model with its settings for one product, ready to judge. */
export interface Recipe {
  readonly name: string;
  readonly bundle: ModelBundle;
  readonly classes: readonly ModelClass[];
  readonly regions: RegionPlan;
  readonly rules: DecisionRules;
  readonly sanity: SanityLimits;
  /** Thumbnail of the reference image, for the camera-moved check. */
  readonly reference: Uint8Array | undefined;
  readonly deadlineMs: number;
  /** What runs it, where that is not the device's engine: a model on trial has processes of its own. */
  readonly engine?: InferenceEngine;
}

/** How verdicts, state and pages name the model. */
export const modelReference = ({ bundle }: Recipe): { name: string; version: string; sha256: string } => ({
  name: bundle.manifest.name,
  version: bundle.manifest.version,
  sha256: bundle.modelSha256,
});

/**
 * The recipe with another model than the configuration names. Limits written there belong to the model they were written
 * for: NG scores of two models are on two scales, and a released one brings its own limits.
 */
export function withModel(config: RecipeConfig, model: string): RecipeConfig {
  if (model === config.model) return config;
  const { passBelow: _passBelow, rejectFrom: _rejectFrom, ...rest } = config;
  return { ...rest, model };
}

/** Opens the bundle and the reference image; the recipe's own limits win over the bundle's. */
export async function openRecipe(config: RecipeConfig, defaultDeadlineMs: number): Promise<Recipe> {
  const bundle = await openBundle(config.model);
  const { manifest } = bundle;
  const rules = {
    passBelow: config.passBelow ?? manifest.decision.passBelow,
    rejectFrom: config.rejectFrom ?? manifest.decision.rejectFrom,
  };
  if (rules.passBelow > rules.rejectFrom) {
    throw new SightlineError(
      "CONFIG_INVALID",
      `recipe "${config.name}": passBelow ${rules.passBelow} exceeds rejectFrom ${rules.rejectFrom}; lower the one or raise the other`,
    );
  }
  return {
    name: config.name,
    bundle,
    classes: manifest.classes,
    regions: manifest.regions,
    rules,
    sanity: config.sanity,
    reference: config.sanity.reference === undefined ? undefined : await referenceThumbnail(config.sanity.reference),
    deadlineMs: config.deadlineMs ?? defaultDeadlineMs,
  };
}

/** A bundle judged by its own limits, without a configuration. */
export function recipeOfBundle(bundle: ModelBundle, deadlineMs: number): Recipe {
  const { manifest } = bundle;
  return {
    name: manifest.name,
    bundle,
    classes: manifest.classes,
    regions: manifest.regions,
    rules: manifest.decision,
    sanity: SanityLimits.parse({}),
    reference: undefined,
    deadlineMs,
  };
}

async function referenceThumbnail(path: string): Promise<Uint8Array | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new SightlineError("CONFIG_INVALID", `the reference image ${path} cannot be opened`, { cause: error });
  });
  const decoded = await decodeImage(bytes);
  if (!decoded.ok) throw new SightlineError("CONFIG_INVALID", `the reference image ${path}: ${decoded.detail}`);
  return frameStatistics(decoded.image, { thumbnail: true }).thumbnail;
}
