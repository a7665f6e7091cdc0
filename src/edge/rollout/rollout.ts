import { messageOf } from "../../contracts/errors.ts";
import type { InferenceEngine } from "../../pipeline/infer/inference-engine.ts";
import { toIso } from "../../platform/clock.ts";
import type { Service } from "../../platform/services.ts";
import type { BesidePart } from "../line.ts";
import { readSlot } from "./bundle-slot.ts";
import { EngineNotStarted, loadCandidate, type LoadedCandidate } from "./candidate-engine.ts";
import type { Fault } from "./criteria.ts";
import { nextStep, type Observations, type Step } from "./next-step.ts";
import type { InstalledOrder, RolloutOptions, RolloutParts, SeenCandidate } from "./rollout-parts.ts";
import {
  type Candidate,
  committed,
  givenUp,
  inPhase,
  NO_EVIDENCE,
  type RolloutState,
  startedFrom,
} from "./rollout-state.ts";
import { meaningOf, withCandidate, withSameBundle } from "./take-order.ts";
import { Tryout } from "./tryout.ts";
import { loadFault, verifyLatency } from "./verify-candidate.ts";

const LOOK_EVERY_MS = 500;
const AGAIN_AFTER_MS = 5000;
/** Evidence of a shadow is written so often: it lasts over many starts, and every such write wears the flash. */
const KEEP_EVERY_MS = 30_000;
const BROKEN: ReadonlySet<string> = new Set(["crash", "faults", "latency"]);

/**
 * Brings an ordered bundle onto the line, step by step as `nextStep` says, and takes it back by itself. What is on disk
 * says at any moment which model a start begins with: the current one, until a trial has been committed.
 */
export class Rollout implements Service {
  readonly name = "rollout";
  readonly #options: RolloutOptions;
  readonly #with: RolloutParts;
  readonly #tryout: Tryout;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #wake = (): void => undefined;
  #ordered: InstalledOrder | null = null;
  #keptTick = -Infinity;
  #verified: Observations["verified"] = null;
  /** Committed, but still in the processes of its trial. */
  #serving: LoadedCandidate | null = null;
  /** Why the candidate was taken off the line, from that moment until the disk knows. */
  #doomed: Fault | null = null;
  /** An attempt of this phase was spent since the start. */
  #hasSpent = false;
  #note = "";

  constructor(options: RolloutOptions, parts: RolloutParts) {
    this.#options = options;
    this.#with = parts;
    this.#tryout = new Tryout({ ...parts, recipe: options.recipe, onEvidence: () => this.#look() });
  }

  async start(): Promise<void> {
    await this.#reconcile().catch((error: unknown) => this.#complain(error));
    this.#tryout.resume(this.#state.candidate?.evidence ?? NO_EVIDENCE);
    this.#running = this.#run(this.#stopping.signal);
  }

  /** A planned stop costs the candidate no attempt. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
    await this.#giveBackAttempt().catch((error: unknown) => this.#complain(error));
    await Promise.all([this.#tryout.unload(), this.#serving?.engine.stop()]);
  }

  get state(): RolloutState {
    return this.#with.store.state;
  }

  /** With what was seen of it until now, and what it waits for. */
  get candidate(): SeenCandidate | null {
    const { candidate } = this.#state;
    if (candidate === null) return null;
    const { loaded, evidence, isOnLine } = this.#tryout;
    const note = loaded === candidate.phase ? this.#note : "It is being loaded.";
    return { ...candidate, evidence, note, isOnLine };
  }

  /** A bundle was installed for an order; the same again changes nothing. */
  take(ordered: InstalledOrder): void {
    this.#ordered = ordered;
    this.#wake();
  }

  /** The drift detector speaks. Counts against a trial that runs now. */
  driftAlarm(sentence: string): void {
    this.#tryout.driftAlarm(sentence);
  }

  /** A decided part of the line. Returns at once. */
  observe(part: BesidePart): void {
    this.#tryout.observe(part);
  }

  /** After every part: what speaks against a candidate takes it off the line in this very turn. */
  #look(): void {
    if (this.#tryout.loaded !== this.#state.candidate?.phase) return; // it is being loaded
    const step = this.#next();
    if (step.do === "wait") return;
    if (step.do === "give-up") this.#doom(step.because);
    this.#wake();
  }

  #doom(because: Fault): void {
    this.#doomed ??= because;
    this.#tryout.takeBack();
  }

  #next(): Step {
    const { candidate } = this.#state;
    if (candidate !== null && this.#doomed !== null) return { do: "give-up", because: this.#doomed };
    const { evidence, signs } = this.#tryout;
    const seen = { ...signs, verified: this.#verified };
    return nextStep(candidate === null ? null : { ...candidate, evidence }, seen, this.#options.plan);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let failed = false;
      try {
        await this.#advance(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#complain(error);
        failed = true;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const cancel = this.#with.clock.after(failed ? AGAIN_AFTER_MS : LOOK_EVERY_MS, resolve);
      if (!signal.aborted && (failed || this.#doomed === null)) await promise;
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
        this.#note = step.note;
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
    const meaning = meaningOf(this.#state, release);
    if (meaning === "known") return;
    if (meaning !== "candidate" && this.#state.candidate !== null) {
      const sentence = `${release.name} ${release.version} was ordered instead.`;
      await this.#giveUp({ code: "superseded", sentence });
    }
    const { name: model, version, stage, reason } = release;
    if (meaning === "another") {
      const slot = await readSlot(path, { release: release.release, stage, since: this.#now() });
      await this.#save(withCandidate(this.#state, release, slot, this.#options.attempts));
      this.#forget();
    } else await this.#save(withSameBundle(this.#state, release));
    this.#tell("ordered", { model, version, stage, reason });
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const { slot } = await this.#spendAttempt();
    const loaded = await this.#load(slot.path, "shadow", signal);
    if ("code" in loaded) {
      this.#verified = loaded;
      return;
    }
    const { engine, recipe } = loaded;
    const check = { engine, clock: this.#with.clock, limitMs: this.#options.plan.latencyP99Ms, signal };
    const fault = await verifyLatency(recipe, check).catch(loadFault);
    if (fault === null) this.#tryout.hold(loaded);
    else await engine.stop();
    signal.throwIfAborted();
    this.#verified = fault ?? "fine";
  }

  async #beginShadow(signal: AbortSignal): Promise<void> {
    const { candidate } = this.#state;
    if (candidate?.phase === "verifying") {
      await this.#save({ candidate: inPhase(candidate, "shadow", this.#now(), this.#options.attempts) });
      this.#tryout.forget();
      this.#hasSpent = false;
      this.#tell("shadow", {});
    }
    if (this.#tryout.loaded !== "shadow") {
      const { slot } = await this.#spendAttempt();
      const loaded = await this.#load(slot.path, "shadow", signal);
      if ("code" in loaded) return this.#doom(loaded);
      this.#tryout.hold(loaded);
    }
    this.#tryout.beginShadow();
  }

  async #beginTrial(signal: AbortSignal): Promise<void> {
    const { candidate: before } = this.#state;
    if (before === null) return;
    const { attempts, recipe } = this.#options;
    const seen = { ...before, evidence: this.#tryout.evidence };
    const candidate = before.phase === "trial" ? before : inPhase(seen, "trial", this.#now(), attempts);
    const attemptsLeft = candidate.attemptsLeft - 1;
    await this.#save({ candidate: { ...candidate, attemptsLeft, evidence: NO_EVIDENCE } });
    this.#hasSpent = true;
    const loaded = await this.#load(candidate.slot.path, "trial", signal);
    if ("code" in loaded) return this.#doom(loaded);
    const fallback = this.#with.recipes.recipe(recipe);
    if (fallback === undefined) throw new Error(`recipe ${recipe} is not loaded`);
    this.#tell("trial", { attemptsLeft });
    await this.#tryout.beginTrial(loaded, fallback);
  }

  async #commit(): Promise<void> {
    const { parts, disagreements } = this.#tryout.evidence;
    const sentence = `It judged ${parts} parts on trial, ${disagreements} of them differently from the model before.`;
    const next = committed(this.#state, this.#now(), sentence);
    await this.#save(next);
    const trial = this.#tryout.handOver();
    this.#forget();
    this.#tell("committed", { model: next.current.name, version: next.current.version, sentence });
    if (trial !== null) await this.#adopt(trial, trial.fallback.bundle.modelSha256);
    this.#prune();
  }

  /** Into the device's own processes, which judge nothing meanwhile: then those of the trial can go. */
  async #adopt(trial: LoadedCandidate, before: string): Promise<void> {
    const { engine, recipes } = this.#with;
    const served = this.#serving;
    this.#serving = trial;
    try {
      const { engine: _apart, ...recipe } = trial.recipe;
      await engine.load(recipe.bundle);
      recipes.replace(recipe);
      this.#serving = null;
      await this.#retire(trial.engine);
      if (!recipes.modelsInUse().has(before)) await engine.unload(before);
    } catch (error) {
      this.#complain(error); // it goes on where it is, until the next start
    }
    await served?.engine.stop();
  }

  async #giveUp(because: Fault): Promise<void> {
    const { candidate } = this.#state;
    const { evidence, trial } = this.#tryout;
    this.#doom(because);
    // What hangs holds up the parts behind it.
    if (BROKEN.has(because.code)) await this.#tryout.unload();
    await this.#save(givenUp(this.#state, this.#now(), because));
    if (candidate !== null) {
      const { name: model, version } = candidate.slot;
      const outcome = candidate.phase === "verifying" ? "refused" : "rolled-back";
      this.#tell(outcome, { model, version, phase: candidate.phase, ...because, ...evidence });
    }
    if (this.#tryout.trial !== null && trial !== null) await this.#retire(trial.engine);
    await this.#tryout.unload();
    this.#forget();
    this.#prune();
  }

  /** Parts that are under way there are judged to their end. */
  async #retire(engine: InferenceEngine): Promise<void> {
    await this.#with.clock.sleep(this.#options.deadlineMs, this.#stopping.signal).catch(() => undefined);
    await engine.stop();
  }

  /** A fault where the candidate cannot be loaded. What says nothing about it costs no attempt, and is thrown. */
  async #load(path: string, purpose: "shadow" | "trial", signal: AbortSignal): Promise<LoadedCandidate | Fault> {
    try {
      return await loadCandidate(path, purpose, this.#with, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineNotStarted)) return loadFault(error);
      await this.#giveBackAttempt();
      throw error;
    }
  }

  /** Written down before the load begins: a load that takes the device down is remembered. */
  async #spendAttempt(): Promise<Candidate> {
    const { candidate } = this.#state;
    if (candidate === null) throw new Error("there is no candidate to load");
    const { evidence } = this.#tryout;
    const spent = { ...candidate, attemptsLeft: candidate.attemptsLeft - 1, evidence };
    await this.#save({ candidate: spent });
    this.#hasSpent = true;
    return spent;
  }

  async #giveBackAttempt(): Promise<void> {
    const { candidate } = this.#state;
    if (candidate === null || !this.#hasSpent || this.#doomed !== null) return;
    const attemptsLeft = Math.min(this.#options.attempts, candidate.attemptsLeft + 1);
    await this.#save({ candidate: { ...candidate, attemptsLeft, evidence: this.#tryout.evidence } });
    this.#hasSpent = false;
  }

  /** A shadow lasts over many starts; one that gets on has its attempts back. */
  async #keepEvidence(): Promise<void> {
    const { candidate } = this.#state;
    const { evidence } = this.#tryout;
    const now = this.#with.clock.tick();
    if (candidate?.phase !== "shadow" || candidate.evidence.parts === evidence.parts) return;
    if (now - this.#keptTick < KEEP_EVERY_MS) return;
    this.#keptTick = now;
    await this.#save({ candidate: { ...candidate, evidence, attemptsLeft: this.#options.attempts } });
  }

  /** The recipes have started from the best bundle that works: it is the current one now, whatever was. */
  async #reconcile(): Promise<void> {
    const path = this.#with.recipes.recipe(this.#options.recipe)?.bundle.directoryPath;
    const next = path === undefined ? this.#state : startedFrom(this.#state, path, this.#now());
    if (next === this.#state) return;
    await this.#save(next);
    this.#tell("rolled-back", { ...next.last });
  }

  #forget(): void {
    this.#tryout.forget();
    this.#verified = null;
    this.#doomed = null;
    this.#hasSpent = false;
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

  /** The audit trail is written beside: a journal without space must not hold up a roll-back. */
  #tell(step: string, detail: Readonly<Record<string, unknown>>): void {
    this.#with.log.info({ step, ...detail }, "release");
    void this.#with.audit({ step, ...detail }).catch((error: unknown) => this.#complain(error));
  }

  #complain(error: unknown): void {
    this.#with.log.error({ reason: messageOf(error) }, "the roll-out could not go on; the line does");
  }

  readonly #now = (): string => toIso(this.#with.clock.wallNow());
}
