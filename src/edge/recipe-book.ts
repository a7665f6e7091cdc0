import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { certificateFault } from "../contracts/certificate-fault.ts";
import { SightlineError, messageOf } from "../contracts/errors.ts";
import type { InferenceEngine } from "../pipeline/infer/inference-engine.ts";
import { rejectOnAbort } from "../platform/abort.ts";
import { writeDurably } from "../platform/durable-file.ts";
import type { Logger } from "../platform/logger.ts";
import type { RecipeConfig } from "./device-config.ts";
import { openRecipe, type Recipe, withModel } from "./recipe.ts";

/** Longer than a slow disk takes; the broker's other messages wait behind a command. */
const SWITCH_WITHIN_MS = 3000;

export interface RecipeBookOptions {
  readonly recipes: readonly RecipeConfig[];
  readonly activeRecipe: string | undefined;
  readonly deadlineMs: number;
  readonly dataDirectory: string;
  /** Folders to load a recipe's model from, the best first; the configured one alone unless told. */
  readonly modelPaths?: (config: RecipeConfig) => readonly string[];
}

/**
 * All recipes of the device, loaded side by side; one is active. A trigger keeps the recipe that was active when it
 * came, so a switch falls between two parts. The choice of an operator outlives a restart.
 */
export class RecipeBook {
  readonly name = "recipes";
  readonly #options: RecipeBookOptions;
  readonly #engine: InferenceEngine;
  readonly #log: Logger;
  readonly #recipes = new Map<string, Recipe>();
  readonly #refused = new Map<string, string>();
  #active: Recipe | undefined;
  #switching: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(options: RecipeBookOptions, at: { engine: InferenceEngine; log: Logger }) {
    this.#options = options;
    this.#engine = at.engine;
    this.#log = at.log.child({ component: "recipes" });
  }

  /** Loads every recipe; throws when the one that shall be active cannot be loaded, reports the others. */
  async start(): Promise<void> {
    const wanted = await this.#wantedName();
    for (const config of this.#options.recipes) {
      try {
        const recipe = await this.#load(config);
        this.#recipes.set(recipe.name, recipe);
        this.#log.info({ recipe: recipe.name, model: recipe.bundle.manifest.name }, "recipe is loaded");
        const fault = certificateFault(recipe.bundle.manifest, recipe.bundle.modelSha256);
        if (fault !== null) this.#log.warn({ recipe: recipe.name, fault }, "the model promises nothing");
      } catch (error) {
        if (config.name === wanted || this.#stopped) throw error;
        this.#refused.set(config.name, messageOf(error));
        this.#log.error({ recipe: config.name, error: messageOf(error) }, "recipe is refused");
      }
    }
    this.#active = this.#recipes.get(wanted);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#active = undefined;
  }

  get active(): Recipe | undefined {
    return this.#active;
  }

  get names(): readonly string[] {
    return [...this.#recipes.keys()];
  }

  recipe(name: string): Recipe | undefined {
    return this.#recipes.get(name);
  }

  /** SHA-256 of every model that a recipe uses. */
  modelsInUse(): ReadonlySet<string> {
    return new Set([...this.#recipes.values()].map(({ bundle }) => bundle.modelSha256));
  }

  /** Puts another model in the place of the recipe's, from the next trigger on; whoever calls has loaded it. */
  replace(recipe: Recipe): void {
    this.#recipes.set(recipe.name, recipe);
    if (this.#active?.name === recipe.name) this.#active = recipe;
  }

  /** Recipes that could not be loaded, with the sentence that says why. */
  get refused(): ReadonlyMap<string, string> {
    return this.#refused;
  }

  /**
   * Takes effect with the next trigger, and only when it is on disk: a restart must not bring back the recipe of the
   * product before. Throws UNKNOWN_RECIPE, and JOURNAL_FULL also when `signal` aborts before it is on disk.
   */
  switchTo(name: string, signal: AbortSignal = AbortSignal.timeout(SWITCH_WITHIN_MS)): Promise<Recipe> {
    const switched = this.#switching.then(() => this.#switchTo(name, signal));
    this.#switching = switched.catch(() => undefined);
    const tooLate = rejectOnAbort(signal).catch(() => {
      throw notKept(name, "the disk does not answer");
    });
    return Promise.race([switched, tooLate]);
  }

  /** From the first folder that works; throws what the last one said. */
  async #load(config: RecipeConfig): Promise<Recipe> {
    const paths = this.#options.modelPaths?.(config) ?? [config.model];
    for (const [at, path] of paths.entries()) {
      try {
        const recipe = await openRecipe(withModel(config, path), this.#options.deadlineMs);
        await this.#engine.load(recipe.bundle);
        return recipe;
      } catch (error) {
        if (at === paths.length - 1 || this.#stopped) throw error;
        this.#log.error(
          { recipe: config.name, path, error: messageOf(error) },
          "a model cannot be loaded, the one before is",
        );
      }
    }
    throw new SightlineError("UNKNOWN_RECIPE", `recipe "${config.name}" has no model`);
  }

  async #switchTo(name: string, signal: AbortSignal): Promise<Recipe> {
    const recipe = this.#recipes.get(name);
    if (recipe === undefined) {
      const reason = this.#refused.get(name);
      const why = reason === undefined ? `known are ${this.names.join(", ")}` : `it was refused: ${reason}`;
      throw new SightlineError("UNKNOWN_RECIPE", `"${name}" cannot be used; ${why}`);
    }
    signal.throwIfAborted();
    const before = await readFile(this.#choicePath, "utf8").catch(() => undefined);
    await writeDurably(this.#choicePath, name).catch((error: unknown) => {
      throw notKept(name, messageOf(error), error);
    });
    if (signal.aborted) await this.#takeBack(before);
    signal.throwIfAborted();
    this.#active = recipe;
    return recipe;
  }

  /** Whoever gave the order was told that it failed: it must not take effect with the next start. */
  async #takeBack(before: string | undefined): Promise<void> {
    const restored = before === undefined ? rm(this.#choicePath) : writeDurably(this.#choicePath, before);
    await restored.catch((error: unknown) =>
      this.#log.error({ error: messageOf(error) }, "a choice of recipe was not taken back"),
    );
  }

  get #choicePath(): string {
    return join(this.#options.dataDirectory, "active-recipe");
  }

  async #wantedName(): Promise<string> {
    const names = this.#options.recipes.map(({ name }) => name);
    const chosen = await readFile(this.#choicePath, "utf8").catch(() => "");
    if (names.includes(chosen)) return chosen;
    return this.#options.activeRecipe ?? names[0] ?? "";
  }
}

function notKept(name: string, why: string, cause?: unknown): SightlineError {
  return new SightlineError(
    "JOURNAL_FULL",
    `the choice of recipe "${name}" cannot be kept (${why}); the recipe stays as it was`,
    { cause },
  );
}
