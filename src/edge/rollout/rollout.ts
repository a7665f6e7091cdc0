import { messageOf, SightlineError } from "../../contracts/errors.ts";
import type { InferenceEngine } from "../../pipeline/infer/inference-engine.ts";
import { toIso, type Clock, type MonotonicMs } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Service } from "../../platform/services.ts";
import type { InstalledRelease } from "../../release/floors.ts";
import type { BesidePart } from "../line.ts";
import type { RecipeBook } from "../recipe-book.ts";
import type { Recipe } from "../recipe.ts";
import { readSlot } from "./bundle-slot.ts";
import { type CandidateEngineParts, crashesOf, loadCandidate, type LoadedCandidate } from "./candidate-engine.ts";
import type { Fault } from "./criteria.ts";
import { differ, RecentLatencies, withComparison, withPart } from "./evidence.ts";
import { nextStep, type Observations, type Plan, type Step } from "./next-step.ts";
import {
  type Candidate,
  committed,
  type Evidence,
  givenUp,
  inPhase,
  NO_EVIDENCE,
  type RolloutState,
} from "./rollout-state.ts";
import type { RolloutStore } from "./rollout-store.ts";
import { type Judgement, SpareTimeJudge } from "./spare-time-judge.ts";
import { loadFault, verifyLatency } from "./verify-candidate.ts";

export interface RolloutOptions {
  /** The recipe whose model is replaced. */
  readonly recipe: string;
  readonly attempts: number;
  /** By then a part that a candidate was to judge has its verdict. */
  readonly deadlineMs: number;
  readonly plan: Plan;
}

export interface RolloutParts extends CandidateEngineParts {
  readonly store: RolloutStore;
  readonly recipes: Pick<RecipeBook, "recipe" | "replace" | "modelsInUse">;
  /** Of the device: runs what is committed. */
  readonly engine: InferenceEngine;
  /** No part waits for its verdict. */
  readonly isIdle: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly audit: (detail: Readonly<Record<string, unknown>>) => Promise<void>;
  /** The two models judge this part differently. */
  readonly onDisagreement: (verdictId: string, candidate: string) => void;
  readonly onChange: () => void;
  /** Bundles that are neither of these nor the newest may go. */
  readonly keepOnly: (paths: readonly string[]) => void;
}

/** What is installed and ordered. */
export interface InstalledOrder {
  readonly path: string;
  readonly release: InstalledRelease;
}

const LOOK_EVERY_MS = 500;
const AGAIN_AFTER_MS = 5000;
/** Evidence of a shadow is written so often: it lasts over many starts, and every such write wears the flash. */
const KEEP_EVERY_MS = 30_000;

const MODEL_FAULTS: ReadonlySet<string> = new Set(["model", "deadline"]);

const BROKEN: ReadonlySet<string> = new Set(["crash", "faults", "latency"]);

/**
 * Brings an ordered bundle onto the line, step by step as `nextStep` says, and takes it back by itself. What is on disk
 * says at any moment which model a start begins with: the current one, until a trial has been committed.
 */
export class Rollout implements Service {
  readonly name = "rollout";
  readonly #options: RolloutOptions;
  readonly #with: RolloutParts;
  readonly #stopping = new AbortController();
  readonly #latencies = new RecentLatencies();
  #running: Promise<void> = Promise.resolve();
  #wake = (): void => undefined;
  #ordered: InstalledOrder | null = null;
  #evidence: Evidence = NO_EVIDENCE;
  #keptTick = -Infinity;
  #verified: Observations["verified"] = null;
  #shadow: LoadedCandidate | null = null;
  #trial: (LoadedCandidate & { readonly fallback: Recipe; readonly loadedTick: MonotonicMs }) | null = null;
  /** Committed, but still in the processes of its trial. */
  #serving: LoadedCandidate | null = null;
  #judge: SpareTimeJudge | null = null;
  /** Why the candidate was taken off the line, from that moment until the disk knows. */
  #doomed: Fault | null = null;
  #drift: string | null = null;
  /** An attempt of this phase was spent since the start. */
  #hasSpent = false;
  #note = "";

  constructor(options: RolloutOptions, parts: RolloutParts) {
    this.#options = options;
    this.#with = parts;
  }

  async start(): Promise<void> {
    await this.#reconcile().catch((error: unknown) => this.#complain(error));
    this.#evidence = this.#state.candidate?.evidence ?? NO_EVIDENCE;
    this.#running = this.#run(this.#stopping.signal);
  }

  /** A planned stop costs the candidate no attempt. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
    const { candidate } = this.#state;
    if (candidate !== null && this.#hasSpent && this.#doomed === null) {
      const attemptsLeft = Math.min(this.#options.attempts, candidate.attemptsLeft + 1);
      await this.#save({ candidate: { ...candidate, attemptsLeft, evidence: this.#evidence } }).catch(
        (error: unknown) => this.#complain(error),
      );
    }
    await Promise.all([this.#unload(), this.#serving?.engine.stop()]);
  }

  get state(): RolloutState {
    return this.#with.store.state;
  }

  /** The candidate with what was seen of it until now, and what it waits for. */
  get candidate(): (Candidate & { readonly note: string }) | null {
    const { candidate } = this.#state;
    return candidate === null ? null : { ...candidate, evidence: this.#evidence, note: this.#note };
  }

  /** A bundle was installed for an order; the same again changes nothing. */
  take(ordered: InstalledOrder): void {
    this.#ordered = ordered;
    this.#wake();
  }

  /** The drift detector speaks. Counts against a trial that runs now. */
  driftAlarm(sentence: string): void {
    if (this.#trial === null) return;
    this.#drift = sentence;
    this.#look();
  }

  /** A decided part of the line. Returns at once. */
  observe(part: BesidePart): void {
    if (this.#trial !== null && part.recipe === this.#trial.recipe) this.#observeTrial(part);
    else if (this.#shadow !== null && this.#trial === null && part.recipe.name === this.#options.recipe)
      this.#observeShadow(part);
  }

  #observeShadow({ verdict, image }: BesidePart): void {
    if (image === null) return;
    this.#judge?.offer(image, (judgement) => {
      this.#evidence = this.#withJudgement(withPart(this.#evidence, judgement.kind), judgement);
      this.#evidence = withComparison(this.#evidence, judgement.kind, verdict.verdict);
      if (differ(judgement.kind, verdict.verdict)) this.#with.onDisagreement(verdict.id, judgement.kind);
      this.#look();
    });
  }

  #observeTrial({ verdict, image }: BesidePart): void {
    // Without an image the fault is the camera's, and what the sanity gate stops the model never saw.
    if (image === null || (verdict.verdict === "fault" && !MODEL_FAULTS.has(verdict.reason))) return;
    this.#evidence = withPart(this.#evidence, verdict.verdict);
    const { total, capture } = verdict.latencyMs;
    if (verdict.verdict !== "fault") this.#latencies.add(total - capture);
    this.#judge?.offer(image, ({ kind }) => {
      this.#evidence = withComparison(this.#evidence, verdict.verdict, kind);
      if (differ(verdict.verdict, kind)) this.#with.onDisagreement(verdict.id, kind);
      this.#look();
    });
    this.#look();
  }

  #withJudgement(evidence: Evidence, judgement: Judgement): Evidence {
    if (judgement.kind !== "fault" || !(judgement.error instanceof SightlineError)) return evidence;
    const crashed = judgement.error.code === "INFERENCE_CRASHED" || judgement.error.code === "INFERENCE_HUNG";
    return crashed ? { ...evidence, crashes: evidence.crashes + 1 } : evidence;
  }

  /** After every part: what speaks against a candidate takes it off the line in this very turn. */
  #look(): void {
    const phase = this.#state.candidate?.phase;
    if (phase === "trial" ? this.#trial === null : this.#shadow === null) return; // it is being loaded
    const step = this.#next();
    if (step.do === "wait") return;
    if (step.do === "give-up") this.#takeBack(step.because);
    this.#wake();
  }

  #takeBack(because: Fault): void {
    this.#doomed ??= because;
    if (this.#trial !== null) this.#with.recipes.replace(this.#trial.fallback);
    this.#judge?.stop();
  }

  #next(): Step {
    const { candidate } = this.#state;
    if (candidate !== null && this.#doomed !== null) return { do: "give-up", because: this.#doomed };
    const now = this.#with.clock.tick();
    const loaded = this.#trial !== null ? "trial" : this.#shadow !== null ? "shadow" : "nothing";
    const crashes = Math.max(this.#evidence.crashes, this.#trial === null ? 0 : crashesOf(this.#trial));
    this.#evidence = crashes === this.#evidence.crashes ? this.#evidence : { ...this.#evidence, crashes };
    const seen: Observations = {
      loaded,
      loadedMs: this.#trial === null ? 0 : now - this.#trial.loadedTick,
      verified: this.#verified,
      latencyP99Ms: this.#latencies.p99(),
      drift: this.#drift,
    };
    return nextStep(candidate === null ? null : { ...candidate, evidence: this.#evidence }, seen, this.#options.plan);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#with;
    while (!signal.aborted) {
      let pauseMs = LOOK_EVERY_MS;
      try {
        await this.#advance(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#complain(error);
        pauseMs = AGAIN_AFTER_MS;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const cancel = clock.after(pauseMs, resolve);
      if (!signal.aborted && this.#ordered === null) await promise;
      cancel();
    }
  }

  /** Takes the order that waits, then goes on as long as there is something to do. */
  async #advance(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const ordered = this.#ordered;
      if (ordered !== null) await this.#accept(ordered);
      if (this.#ordered === ordered) this.#ordered = null;
      const step = this.#next();
      if (step.do === "wait") {
        if (step.note !== this.#note) this.#note = step.note;
        return this.#keepEvidence();
      }
      await this.#carryOut(step, signal);
      this.#with.onChange();
    }
  }

  #carryOut(step: Exclude<Step, { do: "wait" }>, signal: AbortSignal): Promise<void> {
    switch (step.do) {
      case "verify":
        return this.#verify(signal);
      case "shadow":
        return this.#beginShadow(signal);
      case "try":
        return this.#beginTrial(signal);
      case "commit":
        return this.#commit();
      case "give-up":
        return this.#giveUp(step.because);
    }
  }

  async #accept({ path, release }: InstalledOrder): Promise<void> {
    const { order, stage, manifestSha256 } = release;
    const { handled } = this.#state;
    const known = handled?.order === order && handled.stage === stage && handled.manifestSha256 === manifestSha256;
    if (known) return;
    const candidate = this.#state.candidate;
    const isSame = candidate?.slot.manifestSha256 === manifestSha256;
    if (candidate !== null && !isSame) {
      const sentence = `${release.name} ${release.version} was ordered instead.`;
      await this.#giveUp({ code: "superseded", sentence });
    }
    const at = this.#now();
    const { current, previous, factory } = this.#state;
    const now = { handled: { order, stage, manifestSha256 } };
    if (current.manifestSha256 === manifestSha256) {
      await this.#save({ ...now, current: { ...current, release: release.release, stage } });
    } else if (candidate !== null && isSame) {
      await this.#save({ ...now, candidate: { ...candidate, stage, evidence: this.#evidence } });
    } else {
      const slot = await readSlot(path, { release: release.release, stage, since: at });
      const proven = [previous, factory].some((known) => known?.manifestSha256 === manifestSha256);
      const fresh = { slot, stage, since: at, proven, evidence: NO_EVIDENCE, shadow: null } as const;
      await this.#save({ ...now, candidate: { ...fresh, phase: "verifying", attemptsLeft: this.#options.attempts } });
      this.#forget();
    }
    await this.#tell("ordered", { version: release.version, model: release.name, stage, reason: release.reason });
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const { slot } = await this.#spendAttempt();
    const { clock } = this.#with;
    try {
      const loaded = await loadCandidate(slot.path, "shadow", this.#with, signal);
      const at = { engine: loaded.engine, clock, limitMs: this.#options.plan.latencyP99Ms, signal };
      const fault = await verifyLatency(loaded.recipe, at).catch(async (error: unknown) => {
        await loaded.engine.stop();
        throw error;
      });
      this.#verified = fault ?? "fine";
      if (fault === null) this.#shadow = loaded;
      else await loaded.engine.stop();
    } catch (error) {
      signal.throwIfAborted();
      this.#verified = loadFault(error);
    }
  }

  async #beginShadow(signal: AbortSignal): Promise<void> {
    const { candidate } = this.#state;
    if (candidate?.phase === "verifying") {
      await this.#save({ candidate: inPhase(candidate, "shadow", this.#now(), this.#options.attempts) });
      this.#evidence = NO_EVIDENCE;
      this.#hasSpent = false;
      await this.#tell("shadow", {});
    }
    if (this.#shadow === null) {
      const { slot } = await this.#spendAttempt();
      const loaded = await this.#loadOrDoom(slot.path, "shadow", signal);
      if (loaded === null) return;
      this.#shadow = loaded;
    }
    this.#latencies.clear();
    const { engine, recipe } = this.#shadow;
    this.#judge = new SpareTimeJudge({ engine, recipe, isIdle: this.#with.isIdle });
  }

  async #beginTrial(signal: AbortSignal): Promise<void> {
    const { candidate: before } = this.#state;
    if (before === null) return;
    const { attempts, recipe: name } = this.#options;
    const candidate =
      before.phase === "trial"
        ? before
        : inPhase({ ...before, evidence: this.#evidence }, "trial", this.#now(), attempts);
    await this.#save({ candidate: { ...candidate, attemptsLeft: candidate.attemptsLeft - 1, evidence: NO_EVIDENCE } });
    this.#hasSpent = true;
    const loaded = await this.#loadOrDoom(candidate.slot.path, "trial", signal);
    const fallback = this.#with.recipes.recipe(name);
    if (loaded === null || fallback === undefined) return;
    this.#judge?.stop();
    this.#evidence = NO_EVIDENCE;
    this.#latencies.clear();
    this.#drift = null;
    this.#trial = { ...loaded, fallback, loadedTick: this.#with.clock.tick() };
    this.#judge = new SpareTimeJudge({
      engine: fallback.engine ?? this.#with.engine,
      recipe: fallback,
      isIdle: this.#with.isIdle,
    });
    this.#with.recipes.replace(loaded.recipe);
    await this.#tell("trial", { attemptsLeft: candidate.attemptsLeft - 1 });
    await this.#stopShadow();
  }

  async #commit(): Promise<void> {
    const { candidate } = this.#state;
    const trial = this.#trial;
    if (candidate === null || trial === null) return;
    const { parts, disagreements } = this.#evidence;
    const sentence = `It judged ${parts} parts on trial, ${disagreements} of them differently from the model before.`;
    const next = committed(this.#state, this.#now(), sentence);
    await this.#save(next);
    const { name, version } = next.current;
    await this.#tell("committed", { model: name, version, sentence });
    this.#judge?.stop();
    this.#trial = null;
    this.#forget();
    const served = this.#serving;
    this.#serving = trial;
    await served?.engine.stop();
    await this.#adopt(trial).catch((error: unknown) => this.#complain(error));
    this.#prune();
  }

  /** Into the device's own processes, which judge nothing meanwhile: then those of the trial can go. */
  async #adopt(trial: LoadedCandidate & { readonly fallback: Recipe }): Promise<void> {
    const { engine, recipes } = this.#with;
    const { engine: _apart, ...recipe } = trial.recipe;
    await engine.load(recipe.bundle);
    recipes.replace(recipe);
    this.#serving = null;
    await this.#retire(trial.engine);
    const before = trial.fallback.bundle.modelSha256;
    if (!recipes.modelsInUse().has(before)) await engine.unload(before);
  }

  async #giveUp(because: Fault): Promise<void> {
    const { candidate } = this.#state;
    this.#takeBack(because);
    // What hangs holds up the parts behind it, whichever model is to judge them.
    if (BROKEN.has(because.code)) await this.#unload();
    await this.#save(givenUp(this.#state, this.#now(), because));
    if (candidate !== null) {
      const { name, version } = candidate.slot;
      const outcome = candidate.phase === "verifying" ? "refused" : "rolled-back";
      await this.#tell(outcome, { model: name, version, phase: candidate.phase, ...because, ...this.#evidence });
    }
    if (this.#trial !== null) await this.#retire(this.#trial.engine);
    await this.#unload();
    this.#forget();
    this.#prune();
  }

  async #loadOrDoom(path: string, purpose: "shadow" | "trial", signal: AbortSignal): Promise<LoadedCandidate | null> {
    try {
      return await loadCandidate(path, purpose, this.#with, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#doomed = loadFault(error);
      return null;
    }
  }

  /** Written down before the load begins: a load that takes the device down is remembered. */
  async #spendAttempt(): Promise<Candidate> {
    const { candidate } = this.#state;
    if (candidate === null) throw new Error("there is no candidate to load");
    const spent = { ...candidate, attemptsLeft: candidate.attemptsLeft - 1, evidence: this.#evidence };
    await this.#save({ candidate: spent });
    this.#hasSpent = true;
    return spent;
  }

  /** A shadow lasts over many starts; one that gets on has its attempts back. */
  async #keepEvidence(): Promise<void> {
    const { candidate } = this.#state;
    const now = this.#with.clock.tick();
    if (candidate?.phase !== "shadow" || candidate.evidence.parts === this.#evidence.parts) return;
    if (now - this.#keptTick < KEEP_EVERY_MS) return;
    this.#keptTick = now;
    await this.#save({ candidate: { ...candidate, evidence: this.#evidence, attemptsLeft: this.#options.attempts } });
  }

  /** The recipes have started from the best bundle that works: it is the current one now, whatever was. */
  async #reconcile(): Promise<void> {
    const state = this.#state;
    const path = this.#with.recipes.recipe(this.#options.recipe)?.bundle.directoryPath;
    if (path === undefined || path === state.current.path) return;
    const works = [state.previous, state.factory].find((slot) => slot?.path === path);
    if (works === undefined || works === null) return;
    const { name, version } = state.current;
    const sentence = `${name} ${version} could not be loaded at the start; ${works.name} ${works.version} runs.`;
    const at = this.#now();
    const last = { outcome: "rolled-back", name, version, code: "load-failed", sentence, at } as const;
    await this.#save({ current: works, previous: null, last });
    await this.#tell("rolled-back", last);
  }

  async #unload(): Promise<void> {
    this.#judge?.stop();
    this.#judge = null;
    const trial = this.#trial;
    this.#trial = null;
    await Promise.all([trial?.engine.stop(), this.#stopShadow()]);
  }

  /** Parts that are under way there are judged to their end. */
  async #retire(engine: InferenceEngine): Promise<void> {
    await this.#with.clock.sleep(this.#options.deadlineMs, this.#stopping.signal).catch(() => undefined);
    await engine.stop();
  }

  async #stopShadow(): Promise<void> {
    const shadow = this.#shadow;
    this.#shadow = null;
    await shadow?.engine.stop();
  }

  #forget(): void {
    this.#evidence = NO_EVIDENCE;
    this.#verified = null;
    this.#doomed = null;
    this.#drift = null;
    this.#hasSpent = false;
    this.#latencies.clear();
  }

  #prune(): void {
    const { current, previous, candidate } = this.#state;
    this.#with.keepOnly([current, previous, candidate?.slot].flatMap((slot) => (slot ? [slot.path] : [])));
  }

  get #state(): RolloutState {
    return this.#with.store.state;
  }

  #save(change: Partial<RolloutState>): Promise<void> {
    return this.#with.store.save({ ...this.#state, ...change });
  }

  async #tell(step: string, detail: Readonly<Record<string, unknown>>): Promise<void> {
    this.#with.log.info({ step, ...detail }, "release");
    await this.#with.audit({ step, ...detail }).catch((error: unknown) => this.#complain(error));
  }

  #complain(error: unknown): void {
    this.#with.log.error({ reason: messageOf(error) }, "the roll-out could not go on; the line does");
  }

  readonly #now = (): string => toIso(this.#with.clock.wallNow());
}
