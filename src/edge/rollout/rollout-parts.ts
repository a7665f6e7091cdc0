import type { Logger } from "../../platform/logger.ts";
import type { InstalledRelease } from "../../release/floors.ts";
import type { RecipeBook } from "../recipe-book.ts";
import type { CandidateEngineParts } from "./candidate-engine.ts";
import type { Plan } from "./next-step.ts";
import type { Candidate } from "./rollout-state.ts";
import type { RolloutStore } from "./rollout-store.ts";
import type { TryoutParts } from "./tryout.ts";

export interface RolloutOptions {
  /** The recipe whose model is replaced. */
  readonly recipe: string;
  readonly attempts: number;
  /** By then a part that a candidate was to judge has its verdict. */
  readonly deadlineMs: number;
  readonly plan: Plan;
}

export interface RolloutParts
  extends CandidateEngineParts, Pick<TryoutParts, "engine" | "isIdle" | "clock" | "onDisagreement"> {
  readonly store: RolloutStore;
  readonly recipes: Pick<RecipeBook, "recipe" | "replace" | "modelsInUse">;
  readonly log: Logger;
  readonly audit: (detail: Readonly<Record<string, unknown>>) => Promise<void>;
  readonly onChange: () => void;
  /** Bundles that are neither of these nor the newest may go. */
  readonly keepOnly: (paths: readonly string[]) => void;
}

/** What is installed and ordered. */
export interface InstalledOrder {
  readonly path: string;
  readonly release: InstalledRelease;
}

/** `isOnLine`: it gives the verdicts. */
export interface SeenCandidate extends Candidate {
  readonly note: string;
  readonly isOnLine: boolean;
}
