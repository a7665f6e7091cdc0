import { SightlineError } from "../../contracts/errors.ts";
import type { InferenceEngine } from "../../pipeline/infer/inference-engine.ts";
import type { Clock, MonotonicMs } from "../../platform/clock.ts";
import type { BesidePart } from "../line.ts";
import type { RecipeBook } from "../recipe-book.ts";
import type { Recipe } from "../recipe.ts";
import { crashesOf, type LoadedCandidate } from "./candidate-engine.ts";
import { differ, RecentLatencies, withComparison, withPart } from "./evidence.ts";
import type { Observations } from "./next-step.ts";
import { type Evidence, NO_EVIDENCE } from "./rollout-state.ts";
import { type Judgement, SpareTimeJudge } from "./spare-time-judge.ts";

export interface TryoutParts {
  /** The recipe whose model is replaced. */
  readonly recipe: string;
  readonly recipes: Pick<RecipeBook, "recipe" | "replace">;
  /** Of the device. */
  readonly engine: InferenceEngine;
  /** No part waits for its verdict. */
  readonly isIdle: () => boolean;
  readonly clock: Clock;
  /** The two models judge this part differently. */
  readonly onDisagreement: (verdictId: string, other: string) => void;
  /** After each part that says something about the candidate, in the same turn. */
  readonly onEvidence: () => void;
}

interface Trial extends LoadedCandidate {
  readonly fallback: Recipe;
  readonly loadedTick: MonotonicMs;
}

const MODEL_FAULTS: ReadonlySet<string> = new Set(["model", "deadline"]);

/**
 * A candidate at work: beside the active model, or in its place with that one judging along. Counts what it does, and
 * puts the active model back within a turn. Knows nothing of the disk.
 */
export class Tryout {
  readonly #with: TryoutParts;
  readonly #latencies = new RecentLatencies();
  #evidence: Evidence = NO_EVIDENCE;
  #shadow: LoadedCandidate | null = null;
  #trial: Trial | null = null;
  #judge: SpareTimeJudge | null = null;
  #drift: string | null = null;
  #isOnLine = false;

  constructor(parts: TryoutParts) {
    this.#with = parts;
  }

  get loaded(): Observations["loaded"] {
    return this.#trial !== null ? "trial" : this.#shadow !== null ? "shadow" : "nothing";
  }

  get trial(): Trial | null {
    return this.#trial;
  }

  get isOnLine(): boolean {
    return this.#isOnLine;
  }

  get evidence(): Evidence {
    const crashes = Math.max(this.#evidence.crashes, this.#trial === null ? 0 : crashesOf(this.#trial));
    if (crashes !== this.#evidence.crashes) this.#evidence = { ...this.#evidence, crashes };
    return this.#evidence;
  }

  get signs(): Pick<Observations, "loaded" | "loadedMs" | "latencyP99Ms" | "drift"> {
    const loadedMs = this.#trial === null ? 0 : this.#with.clock.tick() - this.#trial.loadedTick;
    return { loaded: this.loaded, loadedMs, latencyP99Ms: this.#latencies.p99(), drift: this.#drift };
  }

  /** Goes on counting where a start before left off. */
  resume(evidence: Evidence): void {
    this.#evidence = evidence;
  }

  /** Loaded, to judge beside the active model once `beginShadow` is called. */
  hold(loaded: LoadedCandidate): void {
    this.#shadow = loaded;
  }

  beginShadow(): void {
    if (this.#shadow === null) return;
    const { engine, recipe } = this.#shadow;
    this.#judge = new SpareTimeJudge({ engine, recipe, isIdle: this.#with.isIdle });
  }

  /** From the next trigger on the candidate gives the verdicts, and the model before judges along in spare time. */
  async beginTrial(loaded: LoadedCandidate, fallback: Recipe): Promise<void> {
    const { clock, engine, recipes, isIdle } = this.#with;
    this.forget();
    this.#judge?.stop();
    this.#judge = new SpareTimeJudge({ engine: fallback.engine ?? engine, recipe: fallback, isIdle });
    this.#trial = { ...loaded, fallback, loadedTick: clock.tick() };
    recipes.replace(loaded.recipe);
    this.#isOnLine = true;
    await this.#stopShadow();
  }

  /** From the next trigger on the model before gives the verdicts again. */
  takeBack(): void {
    if (this.#trial !== null && this.#isOnLine) this.#with.recipes.replace(this.#trial.fallback);
    this.#isOnLine = false;
    this.#judge?.stop();
  }

  /** The candidate stays on the line, and is a candidate no more. */
  handOver(): Trial | null {
    const trial = this.#trial;
    this.#judge?.stop();
    this.#judge = null;
    this.#trial = null;
    this.#isOnLine = false;
    return trial;
  }

  async unload(): Promise<void> {
    this.takeBack();
    const trial = this.handOver();
    await Promise.all([trial?.engine.stop(), this.#stopShadow()]);
  }

  forget(): void {
    this.#evidence = NO_EVIDENCE;
    this.#drift = null;
    this.#latencies.clear();
  }

  /** Counts against a trial that runs now. */
  driftAlarm(sentence: string): void {
    if (!this.#isOnLine) return;
    this.#drift = sentence;
    this.#with.onEvidence();
  }

  /** A decided part of the line. Returns at once. */
  observe(part: BesidePart): void {
    if (this.#trial !== null) {
      if (this.#isOnLine && part.recipe === this.#trial.recipe) this.#observeTrial(part);
    } else if (this.#shadow !== null && part.recipe.name === this.#with.recipe) this.#observeShadow(part);
  }

  #observeShadow({ verdict, image }: BesidePart): void {
    // What the sanity gate stops, or the active model leaves without an answer, compares nothing.
    if (image === null || verdict.verdict === "fault") return;
    this.#judge?.offer(image, (judgement) => {
      this.#evidence = withJudgement(withPart(this.#evidence, judgement.kind), judgement);
      this.#compare(verdict.id, judgement.kind, verdict.verdict, judgement.kind);
    });
  }

  #observeTrial({ verdict, image }: BesidePart): void {
    // Without an image the fault is the camera's, and what the sanity gate stops the model never saw.
    if (image === null || (verdict.verdict === "fault" && !MODEL_FAULTS.has(verdict.reason))) return;
    this.#evidence = withPart(this.#evidence, verdict.verdict);
    const { total, capture } = verdict.latencyMs;
    if (verdict.verdict !== "fault") this.#latencies.add(total - capture);
    this.#judge?.offer(image, ({ kind }) => this.#compare(verdict.id, verdict.verdict, kind, kind));
    this.#with.onEvidence();
  }

  #compare(id: string, candidate: Judgement["kind"], other: Judgement["kind"], unheard: Judgement["kind"]): void {
    this.#evidence = withComparison(this.#evidence, candidate, other);
    if (differ(candidate, other)) this.#with.onDisagreement(id, unheard);
    this.#with.onEvidence();
  }

  async #stopShadow(): Promise<void> {
    const shadow = this.#shadow;
    this.#shadow = null;
    await shadow?.engine.stop();
  }
}

function withJudgement(evidence: Evidence, judgement: Judgement): Evidence {
  if (judgement.kind !== "fault" || !(judgement.error instanceof SightlineError)) return evidence;
  const { code } = judgement.error;
  const crashed = code === "INFERENCE_CRASHED" || code === "INFERENCE_HUNG";
  return crashed ? { ...evidence, crashes: evidence.crashes + 1 } : evidence;
}
