import { join } from "node:path";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import type { MonotonicMs } from "../../platform/clock.ts";
import { retryDelayMs } from "../../platform/retry.ts";
import type { InferenceRequest, InferenceResult, ProviderName } from "./inference-engine.ts";
import { MODEL_FILE } from "./open-bundle.ts";
import { proveModel, type PoolModel } from "./pool-model.ts";
import { OrderFailed, ProcessLink, type LinkParts } from "./process-link.ts";
import { readResults, writePixels } from "./shared-slots.ts";

const RESTART = { firstMs: 100, maxMs: 5_000, jitter: 0 };
/** A process that served this long was healthy: its next restart is quick again. */
const HEALTHY_MS = 10_000;
const START_TIMEOUT_MS = 30_000;
/** Everything but TensorRT, which builds its engine, loads within seconds: a hang then must not last half an hour. */
const ORDINARY_LOAD_MS = 120_000;

/** `proven`: takes requests for what it has loaded. */
type MemberState = "stopped" | "starting" | "down" | "loading" | "proven";

export interface MemberParts extends Pick<LinkParts, "sharedFile" | "clock" | "log"> {
  /** A slot of its own, for proving models while requests hold the others. */
  readonly provingSlot: number;
  readonly threads: number;
  readonly niceness: number;
  readonly hangTimeoutMs: number;
  readonly loadTimeoutMs: number;
  /** What a process has to load before it takes requests after a restart. */
  models(): Iterable<PoolModel>;
  /** It may take requests (again), or ended. */
  onChange(): void;
}

/** One place in the pool: an inference process, and after its end the next one. */
export class PoolMember {
  restarts = 0;
  inFlight = 0;
  readonly #parts: MemberParts;
  readonly #loaded = new Set<number>();
  #state: MemberState = "stopped";
  #link: ProcessLink | null = null;
  #attempt = 0;
  #provenTick: MonotonicMs | null = null;
  #cancelRestart: () => void = () => undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiters: (() => void)[] = [];

  constructor(parts: MemberParts) {
    this.#parts = parts;
  }

  get pid(): number | null {
    return this.#state === "down" || this.#state === "stopped" ? null : (this.#link?.pid ?? null);
  }

  get isReady(): boolean {
    return this.#state === "proven";
  }

  get backends(): readonly string[] {
    return this.#link?.backends ?? [];
  }

  get #isStopped(): boolean {
    return this.#state === "stopped";
  }

  canRun(model: PoolModel): boolean {
    return this.#state === "proven" && this.#loaded.has(model.number);
  }

  /** Rejects with the error that ended the process, also where it is stopped meanwhile; it is not tried again. */
  async start(): Promise<void> {
    this.#state = "starting";
    await this.#spawn();
    if (this.#isStopped) {
      // Taken for one that serves, its end would begin another that nobody stops.
      throw new SightlineError("INFERENCE_CRASHED", "the inference process was stopped while it began");
    }
    this.#become("proven");
  }

  /** Resolves once the process is up again, at the latest after `limitMs`. */
  async whenReady(limitMs: number): Promise<void> {
    if (this.isReady || this.#state === "stopped") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    const cancel = this.#parts.clock.after(limitMs, resolve);
    await promise;
    cancel();
  }

  /** Rejects with OrderFailed where the provider cannot run anything here. */
  async probe(provider: ProviderName): Promise<void> {
    await this.#requireLink().order({ kind: "probe", provider }, this.#loadLimitMs(provider));
  }

  /** Loads, warms up and proves a model; requests for others wait or go elsewhere meanwhile. */
  add(model: PoolModel): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#loaded.has(model.number)) return;
      const link = this.#requireLink();
      const wasProven = this.#state === "proven";
      if (wasProven) this.#become("loading");
      try {
        await this.#load(link, model);
      } finally {
        if (wasProven && link === this.#link && this.#state === "loading") this.#become("proven");
      }
    });
  }

  remove(model: PoolModel): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#loaded.delete(model.number)) return;
      await this.#requireLink().order({ kind: "unload", model: model.number }, ORDINARY_LOAD_MS);
    });
  }

  /** Runs what lies in `slot`. Rejects with INFERENCE_FAILED, INFERENCE_CRASHED or INFERENCE_HUNG. */
  async run(model: PoolModel, slot: number, count: number): Promise<InferenceResult> {
    this.inFlight++;
    try {
      return await this.#runOn(this.#requireLink(), { model, slot, count, limitMs: this.#parts.hangTimeoutMs });
    } finally {
      this.inFlight--;
    }
  }

  /** Resolves when a run that failed can no longer write into its slot. */
  async whenQuiet(): Promise<void> {
    if (this.#state === "down" || this.#state === "stopped") await this.#link?.exited;
  }

  /** Lets the process release its models and exit; kills it after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    const link = this.#state === "down" ? null : this.#link;
    this.#become("stopped");
    this.#cancelRestart();
    if (link !== null) {
      const exited = link.order({ kind: "stop" }, graceMs).then(
        () => link.exited,
        () => undefined,
      );
      const cancel = this.#parts.clock.after(graceMs, () => {
        link.kill(new SightlineError("INFERENCE_HUNG", `process ${link.pid} did not stop within ${graceMs} ms`));
      });
      await exited;
      cancel();
    }
    await this.#link?.exited;
  }

  async #spawn(): Promise<void> {
    const { sharedFile, clock, log, niceness } = this.#parts;
    this.#loaded.clear();
    const link = new ProcessLink({
      sharedFile,
      clock,
      log,
      niceness,
      startTimeoutMs: START_TIMEOUT_MS,
      onDown: (because) => this.#onDown(link, because),
    });
    this.#link = link;
    await link.start();
  }

  #onDown(link: ProcessLink, because: SightlineError): void {
    if (link !== this.#link || this.#state === "stopped" || this.#state === "starting") return;
    const { clock, log } = this.#parts;
    if (this.#provenTick !== null && clock.tick() - this.#provenTick > HEALTHY_MS) this.#attempt = 0;
    this.#provenTick = null;
    this.#loaded.clear();
    const delayMs = retryDelayMs(RESTART, this.#attempt++, () => 0.5);
    log.error({ pid: link.pid, reason: because.message, delayMs }, "an inference process ended and will be restarted");
    this.#become("down");
    void link.exited.then(() => {
      if (this.#state === "down") this.#cancelRestart = clock.after(delayMs, () => void this.#restart());
    });
  }

  async #restart(): Promise<void> {
    this.restarts++;
    this.#become("loading");
    try {
      await this.#spawn();
      for (const model of this.#parts.models()) await this.add(model);
      this.#attemptSucceeded();
    } catch (error) {
      // A process that ended has already arranged its next restart; one that cannot prove a model must not serve.
      const isOurs = error instanceof SightlineError;
      this.#link?.kill(isOurs ? error : new SightlineError("INFERENCE_FAILED", messageOf(error)));
    }
  }

  #attemptSucceeded(): void {
    if (this.#state !== "loading" && this.#state !== "proven") return;
    this.#become("proven");
    this.#parts.log.info({ pid: this.pid, restarts: this.restarts }, "an inference process is back");
  }

  async #load(link: ProcessLink, model: PoolModel): Promise<void> {
    const limitMs = this.#loadLimitMs(model.provider);
    const { manifest, directoryPath, modelSha256 } = model.bundle;
    const order = {
      kind: "load",
      model: model.number,
      path: join(directoryPath, MODEL_FILE),
      sha256: modelSha256,
      widthPx: manifest.input.width,
      heightPx: manifest.input.height,
      classCount: manifest.classes.length,
      provider: model.provider,
      threads: this.#parts.threads,
    } as const;
    await link.order(order, limitMs);
    try {
      await proveModel(model, (request) => this.#prove(link, model, request));
    } catch (error) {
      await link.order({ kind: "unload", model: model.number }, limitMs).catch(() => undefined);
      throw error;
    }
    this.#loaded.add(model.number);
  }

  async #prove(link: ProcessLink, model: PoolModel, request: InferenceRequest): Promise<InferenceResult> {
    const { provingSlot: slot, sharedFile } = this.#parts;
    const limitMs = this.#loadLimitMs(model.provider);
    writePixels(sharedFile, slot, request.pixels);
    return this.#runOn(link, { model, slot, count: request.count, limitMs });
  }

  async #runOn(
    link: ProcessLink,
    { model, slot, count, limitMs }: { model: PoolModel; slot: number; count: number; limitMs: number },
  ): Promise<InferenceResult> {
    try {
      const report = await link.run({ model: model.number, slot, count }, limitMs);
      const { embeddingSize, heatmapHeight, heatmapWidth, inferMs } = report;
      const classes = model.bundle.manifest.classes.length;
      const sizes = [classes, embeddingSize, classes * heatmapHeight * heatmapWidth].map((each) => each * count);
      const [probabilities, embedding, heatmap] = readArrays(this.#parts.sharedFile, slot, sizes);
      return { probabilities, embedding, heatmap, heatmapHeight, heatmapWidth, inferMs };
    } catch (error) {
      if (!(error instanceof OrderFailed)) throw error;
      const { name } = model.bundle.manifest;
      throw new SightlineError("INFERENCE_FAILED", `model ${name} gave no answer: ${error.message}`, { cause: error });
    }
  }

  #loadLimitMs(provider: ProviderName): number {
    const { loadTimeoutMs } = this.#parts;
    return provider === "tensorrt" ? loadTimeoutMs : Math.min(loadTimeoutMs, ORDINARY_LOAD_MS);
  }

  #requireLink(): ProcessLink {
    if (this.#link === null || this.#state === "down" || this.#state === "stopped") {
      throw new SightlineError("INFERENCE_CRASHED", "the inference process is being restarted");
    }
    return this.#link;
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #become(state: MemberState): void {
    this.#state = state;
    if (state === "proven") this.#provenTick ??= this.#parts.clock.tick();
    if (state === "proven" || state === "stopped") for (const resolve of this.#waiters.splice(0)) resolve();
    this.#parts.onChange();
  }
}

type Triple = readonly [Float32Array, Float32Array, Float32Array];

/** One read for all results; the arrays share a buffer of their own. */
function readArrays(sharedFile: number, slot: number, [first = 0, second = 0, third = 0]: readonly number[]): Triple {
  const bytes = new Uint8Array((first + second + third) * Float32Array.BYTES_PER_ELEMENT);
  readResults(sharedFile, slot, bytes);
  const { buffer } = bytes;
  return [
    new Float32Array(buffer, 0, first),
    new Float32Array(buffer, first * 4, second),
    new Float32Array(buffer, (first + second) * 4, third),
  ];
}
