import { existsSync } from "node:fs";
import { certificateFault } from "../../contracts/certificate-fault.ts";
import { messageOf } from "../../contracts/errors.ts";
import type { EngineStatus, InferenceEngine } from "../../pipeline/infer/inference-engine.ts";
import { providersToTry, type ProviderChoice } from "../../pipeline/infer/providers.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { RecipeConfig } from "../device-config.ts";
import { openEngine } from "../open-engine.ts";
import { openRecipe } from "../recipe.ts";
import { failure, fine, warning, type Check, type Finding } from "./finding.ts";

const GPU_DEVICES = ["/dev/nvidia0", "/dev/nvhost-gpu", "/dev/nvmap"] as const;
const GPU_REMEDY =
  "there is an NVIDIA GPU: on x64 install CUDA 12, cuDNN 9 and run `ONNXRUNTIME_NODE_INSTALL=true npm rebuild " +
  "onnxruntime-node`; on a Jetson see deploy/README.md";
const GOLDEN_DEADLINE_MS = 60_000;

export interface InferenceChoice {
  readonly provider: ProviderChoice;
  readonly recipes: readonly RecipeConfig[];
  readonly runModel: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What onnxruntime can really use here, and each recipe's bundle; with `runModel` on its golden frames. */
export function inferenceChecks(choice: InferenceChoice): Check[] {
  return [
    {
      name: "inference",
      look: () => withEngine(choice, async (engine) => judgeProviders(choice.provider, engine.status(), hasGpu())),
    },
    ...choice.recipes.map((recipe) => ({ name: `recipe ${recipe.name}`, look: () => checkRecipe(recipe, choice) })),
  ];
}

export function judgeProviders(choice: ProviderChoice, { fallbacks }: EngineStatus, gpuIsThere: boolean): Finding {
  const usable = providersToTry(choice).filter(
    (provider) => !fallbacks.some((fallback) => fallback.provider === provider),
  );
  const reasons = fallbacks.map(({ provider, reason }) => `; not ${provider}: ${reason}`).join("");
  const sentence = `onnxruntime runs on ${usable.join(", ")}${reasons}`;
  return gpuIsThere && usable.length === 1 && usable[0] === "cpu" && choice === "auto"
    ? warning(sentence, GPU_REMEDY)
    : fine(sentence);
}

async function checkRecipe(config: RecipeConfig, choice: InferenceChoice): Promise<Finding> {
  const recipe = await openRecipe(config, GOLDEN_DEADLINE_MS).catch((error: unknown) => messageOf(error));
  if (typeof recipe === "string")
    return failure(recipe, "copy the bundle again or correct recipes[].model; `sightline train` writes bundles");
  const { name, version, golden } = recipe.bundle.manifest;
  const title = `${name} ${version} (${recipe.bundle.modelSha256.slice(0, 12)})`;
  const fault = certificateFault(recipe.bundle.manifest, recipe.bundle.modelSha256);
  if (fault !== null && !choice.runModel)
    return warning(`${title}: ${fault}`, "the model runs, but nothing is promised of its escape rate");
  if (!choice.runModel) return fine(`${title}: files, hashes and schema fit`);
  return withEngine(choice, async (engine) => {
    const startedTick = choice.clock.tick();
    const refusal = await engine.load(recipe.bundle).then(() => null, messageOf);
    if (refusal !== null)
      return failure(
        `${title}: ${refusal}`,
        "this device must not use it: try another provider, or a bundle made for it",
      );
    const seconds = ((choice.clock.tick() - startedTick) / 1000).toFixed(1);
    return fine(`${title}: ${golden.length} golden frames agree on ${engine.status().provider}, ready in ${seconds} s`);
  });
}

async function withEngine(
  choice: InferenceChoice,
  look: (engine: InferenceEngine) => Promise<Finding>,
): Promise<Finding> {
  const engine = openEngine({ provider: choice.provider, processes: 1, clock: choice.clock, log: choice.log });
  try {
    await engine.start();
    return await look(engine);
  } catch (error) {
    return failure(messageOf(error), "set inference.provider to auto, or install what is missing");
  } finally {
    await engine.stop();
  }
}

const hasGpu = (): boolean => GPU_DEVICES.some((path) => existsSync(path));
