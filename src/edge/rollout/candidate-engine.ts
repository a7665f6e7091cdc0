import { messageOf } from "../../contracts/errors.ts";
import type { InferenceEngine } from "../../pipeline/infer/inference-engine.ts";
import type { Recipe } from "../recipe.ts";

/** A candidate in processes of its own: whatever it does there, the active model's processes do not feel it. */
export interface LoadedCandidate {
  readonly engine: InferenceEngine;
  readonly recipe: Recipe;
}

export interface CandidateEngineParts {
  /** An engine that is not started: one process that steps back for others, or as many as the line has. */
  readonly openEngine: (purpose: "shadow" | "trial") => InferenceEngine;
  /** The recipe with another bundle in the place of its own. */
  readonly openRecipe: (bundlePath: string) => Promise<Recipe>;
}

/** Processes could not be started: that says nothing about the candidate. */
export class EngineNotStarted extends Error {}

/**
 * Loads a bundle and has its golden frames compared. Throws what the bundle or the engine says, or EngineNotStarted;
 * nothing is left running then, and nothing either when `signal` aborts.
 */
export async function loadCandidate(
  bundlePath: string,
  purpose: "shadow" | "trial",
  { openEngine, openRecipe }: CandidateEngineParts,
  signal: AbortSignal,
): Promise<LoadedCandidate> {
  const recipe = await openRecipe(bundlePath);
  signal.throwIfAborted();
  const engine = openEngine(purpose);
  const stop = (): void => void engine.stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await engine.start().catch((error: unknown) => {
      throw new EngineNotStarted(`no process for a new model: ${messageOf(error)}`, { cause: error });
    });
    await engine.load(recipe.bundle);
    signal.throwIfAborted();
    return { engine, recipe: { ...recipe, engine } };
  } catch (error) {
    await engine.stop();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Times that one of its processes ended or hung; one that is down now counts as well. */
export function crashesOf({ engine }: LoadedCandidate): number {
  const { ready, restarts } = engine.status();
  return Math.max(restarts, ready ? 0 : 1);
}
