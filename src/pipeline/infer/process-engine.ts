import { SightlineError, messageOf } from "../../contracts/errors.ts";
import type { BundleManifest } from "../../contracts/model-bundle.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type {
  EngineStatus,
  InferenceEngine,
  InferenceRequest,
  InferenceResult,
  ModelBundle,
  ProviderName,
} from "./inference-engine.ts";
import { PoolMember } from "./pool-member.ts";
import { readPoolModel, type PoolModel, type Preprocess } from "./pool-model.ts";
import { OrderFailed } from "./process-link.ts";
import { providerAbsent, providersToTry, slowestProvider, unusableReason, type ProviderChoice } from "./providers.ts";
import { RequestQueue } from "./request-queue.ts";
import { closeSharedFile, openSharedFile } from "./shared-slots.ts";

const PROGRESS_EVERY_MS = 10_000;
const DEFAULT_HANG_TIMEOUT_MS = 5_000;
const DEFAULT_LOAD_TIMEOUT_MS = 30 * 60_000;
const DEFAULT_STOP_GRACE_MS = 5_000;

export interface ProcessEngineOptions {
  /** Inference processes; with two, one goes on while the other is restarted or loads a recipe. */
  readonly processes: number;
  /** Threads onnxruntime uses within one inference. */
  readonly threadsPerProcess: number;
  readonly provider: ProviderChoice;
  /** Longest silence on an inference before its process is killed; 5,000 unless told. */
  readonly hangTimeoutMs?: number;
  /** Longest silence while TensorRT builds its engine; 30 minutes unless told. Others get two minutes at most. */
  readonly loadTimeoutMs?: number;
  /** How long `stop` waits for requests in flight and for the processes to exit before it kills them. */
  readonly stopGraceMs?: number;
  /** 0 to 19: how far the processes step back for others; 0 unless told. */
  readonly niceness?: number;
}

export interface ProcessEngineParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly preprocess: Preprocess;
}

/** onnxruntime-node in a pool of child processes: a native crash or hang costs the requests in flight there. */
export class ProcessEngine implements InferenceEngine {
  readonly #options: Required<ProcessEngineOptions>;
  readonly #parts: ProcessEngineParts;
  readonly #models = new Map<string, PoolModel>();
  readonly #fallbacks: { provider: ProviderName; reason: string }[] = [];
  #members: readonly PoolMember[] = [];
  #queue: RequestQueue | null = null;
  #sharedFile: number | null = null;
  #candidates: readonly ProviderName[];
  #modelCount = 0;
  #loading: string | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ProcessEngineOptions, parts: ProcessEngineParts) {
    this.#options = {
      hangTimeoutMs: DEFAULT_HANG_TIMEOUT_MS,
      loadTimeoutMs: DEFAULT_LOAD_TIMEOUT_MS,
      stopGraceMs: DEFAULT_STOP_GRACE_MS,
      niceness: 0,
      ...options,
    };
    this.#parts = { ...parts, log: parts.log.child({ component: "inference" }) };
    this.#candidates = providersToTry(options.provider);
  }

  async start(): Promise<void> {
    const { processes, threadsPerProcess: threads, hangTimeoutMs, loadTimeoutMs, niceness } = this.#options;
    const { clock, log } = this.#parts;
    const sharedFile = openSharedFile();
    this.#sharedFile = sharedFile;
    this.#members = Array.from({ length: processes }, (_, at) => {
      const onChange = (): void => this.#queue?.dispatch();
      const models = (): Iterable<PoolModel> => this.#models.values();
      return new PoolMember({
        sharedFile,
        clock,
        log,
        provingSlot: at,
        threads,
        niceness,
        hangTimeoutMs,
        loadTimeoutMs,
        models,
        onChange,
      });
    });
    this.#queue = new RequestQueue({ members: this.#members, sharedFile, clock, firstSlot: processes, hangTimeoutMs });
    try {
      await Promise.all(this.#members.map((member) => member.start()));
      await this.#probeProviders();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  load(bundle: ModelBundle): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isLoaded(bundle)) return;
      const { name } = bundle.manifest;
      const stopReporting = this.#reportProgress(name);
      this.#loading = name;
      try {
        const model = await readPoolModel(bundle, ++this.#modelCount, this.#parts.preprocess);
        await this.#loadFirst(model);
        this.#models.set(bundle.modelSha256, model);
        await this.#loadElsewhere(model);
        const { provider } = model;
        this.#parts.log.info({ model: name, provider }, "a model is loaded and its golden frames agree");
      } finally {
        this.#loading = null;
        stopReporting();
      }
    });
  }

  unload(modelSha256: string): Promise<void> {
    return this.#inTurn(async () => {
      const model = this.#models.get(modelSha256);
      if (model !== undefined) await this.#drop(model);
    });
  }

  infer(modelSha256: string, request: InferenceRequest): Promise<InferenceResult> {
    const model = this.#models.get(modelSha256);
    if (model === undefined || this.#queue === null) {
      const detail = `no model ${modelSha256} is loaded`;
      return Promise.reject(new SightlineError("INFERENCE_FAILED", detail));
    }
    return this.#queue.submit(model, request);
  }

  status(): EngineStatus {
    const used = [...this.#models.values()].map((model) => model.provider);
    return {
      provider: slowestProvider(used),
      fallbacks: [...this.#fallbacks],
      restarts: this.#members.reduce((sum, member) => sum + member.restarts, 0),
      processes: this.#members.length,
      ready: used.length > 0 && this.#members.some((member) => member.isReady),
      loading: this.#loading,
      pids: this.#members.flatMap((member) => member.pid ?? []),
    };
  }

  async stop(): Promise<void> {
    const { stopGraceMs } = this.#options;
    await this.#queue?.drain(stopGraceMs);
    await Promise.all(this.#members.map((member) => member.stop(stopGraceMs)));
    this.#members = [];
    this.#queue = null;
    this.#models.clear();
    if (this.#sharedFile !== null) closeSharedFile(this.#sharedFile);
    this.#sharedFile = null;
  }

  /** Recipes may share a graph; what they say of the graph itself must then be the same. */
  #isLoaded({ manifest, modelSha256, directoryPath }: ModelBundle): boolean {
    const known = this.#models.get(modelSha256)?.bundle.manifest;
    if (known === undefined) return false;
    const facts = ({ classes, input, golden }: BundleManifest): string => JSON.stringify({ classes, input, golden });
    if (facts(known) === facts(manifest)) return true;
    throw new SightlineError(
      "BUNDLE_INVALID",
      `${directoryPath} has the model.onnx of ${known.name} ${known.version} but other classes, input or golden frames`,
    );
  }

  /** Asks the first process which providers can run anything at all; the golden frames decide later which do. */
  async #probeProviders(): Promise<void> {
    const usable: ProviderName[] = [];
    for (const provider of this.#candidates) {
      const reason = provider === "cpu" && this.#options.provider === "auto" ? null : await this.#probe(provider);
      if (reason === null) usable.push(provider);
      else if (this.#options.provider === "auto") this.#fallBack(provider, reason);
      else throw providerAbsent(provider, reason);
    }
    this.#candidates = usable;
  }

  async #probe(provider: ProviderName): Promise<string | null> {
    const member = await this.#readyMember();
    if (!member.backends.includes(provider)) {
      return `this build of onnxruntime-node only knows ${member.backends.join(", ")}`;
    }
    try {
      await member.probe(provider);
      return null;
    } catch (error) {
      return unusableReason(messageOf(error).trim());
    }
  }

  /** Finds the provider that reproduces the golden frames, in one process. */
  async #loadFirst(model: PoolModel): Promise<void> {
    for (const [at, provider] of this.#candidates.entries()) {
      model.provider = provider;
      const error = await this.#tryOn(await this.#readyMember(), model);
      if (error === null) return;
      const isLast = at === this.#candidates.length - 1;
      const isBundleFault = error instanceof SightlineError && error.code === "BUNDLE_INVALID";
      if (isLast || isBundleFault) throw error;
      this.#fallBack(provider, messageOf(error));
    }
  }

  async #tryOn(member: PoolMember, model: PoolModel): Promise<unknown> {
    try {
      await member.add(model);
      return null;
    } catch (error) {
      if (!(error instanceof OrderFailed)) return error;
      if (error.fault === "bundle") return new SightlineError("BUNDLE_INVALID", error.message, { cause: error });
      return this.#options.provider === "auto" ? error : providerAbsent(model.provider, error.message);
    }
  }

  /** One after the other, so that all but one go on serving; a process that is down loads the model when it is back. */
  async #loadElsewhere(model: PoolModel): Promise<void> {
    for (const member of this.#members) {
      const error = await this.#tryOn(member, model);
      if (error === null || isProcessLoss(error)) continue;
      await this.#drop(model);
      throw error;
    }
  }

  async #drop(model: PoolModel): Promise<void> {
    this.#models.delete(model.bundle.modelSha256);
    await Promise.all(this.#members.map((member) => member.remove(model).catch(() => undefined)));
  }

  async #readyMember(): Promise<PoolMember> {
    if (this.#members.length === 0) throw new SightlineError("INFERENCE_FAILED", "the engine is not running");
    await Promise.race(this.#members.map((member) => member.whenReady(this.#options.loadTimeoutMs)));
    const ready = this.#members.find((member) => member.isReady);
    if (ready === undefined) throw new SightlineError("INFERENCE_CRASHED", "no inference process is running");
    return ready;
  }

  #fallBack(provider: ProviderName, reason: string): void {
    if (this.#fallbacks.some((known) => known.provider === provider && known.reason === reason)) return;
    this.#fallbacks.push({ provider, reason });
    this.#parts.log.warn({ provider, reason }, "an inference provider cannot be used, the next one is tried");
  }

  #reportProgress(name: string): () => void {
    const { clock, log } = this.#parts;
    const startedTick = clock.tick();
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = clock.after(PROGRESS_EVERY_MS, () => {
        const elapsedMs = Math.round(clock.tick() - startedTick);
        log.info({ model: name, elapsedMs }, "a model is still loading; TensorRT takes minutes the first time");
        again();
      });
    };
    again();
    return () => cancel();
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

const isProcessLoss = (error: unknown): boolean =>
  error instanceof SightlineError && (error.code === "INFERENCE_CRASHED" || error.code === "INFERENCE_HUNG");
