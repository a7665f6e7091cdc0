import { messageOf, SightlineError } from "../contracts/errors.ts";
import type { CommandReply } from "../contracts/command.ts";
import type { DeviceState } from "../contracts/device-state.ts";
import type { TriggerRequest } from "../contracts/trigger.ts";
import type { Verdict } from "../contracts/verdict.ts";
import { decodeImage } from "../imaging/decode-image.ts";
import type { CapturedFrame } from "../pipeline/frame.ts";
import type { AuditEntry, Journal } from "../pipeline/journal/journal.ts";
import type { BrokerStatus } from "../pipeline/publish/broker-link.ts";
import type { FlagOutcome, Uplink } from "../pipeline/uplink/uplink.ts";
import { toIso, type Clock } from "../platform/clock.ts";
import { VERSION } from "../platform/version.ts";
import type { DeviceCondition } from "./device-condition.ts";
import type { DeviceConfig } from "./device-config.ts";
import { judgingEngine, type Inspection } from "./inspection.ts";
import { modelReference } from "./recipe.ts";
import type { DriftSide } from "./drift-side.ts";
import type { RolloutSide } from "./rollout-side.ts";
import type { DeviceStatus, DeviceView, LatestFrame } from "./status/device-view.ts";
import type { SheetName } from "./watch/sample-sheets.ts";
import type { DeviceMetrics } from "./status/metrics.ts";

/** A small forged file must not make the device allocate hundreds of megabytes. */
const MOST_UPLOADED_PIXELS = 50_000_000;

export interface LiveViewParts {
  readonly config: DeviceConfig;
  readonly bootSeq: number;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly inspection: Inspection;
  readonly metrics: DeviceMetrics;
  readonly condition: () => DeviceCondition;
  readonly broker: () => BrokerStatus | undefined;
  readonly uplink: Uplink | undefined;
  readonly releases: RolloutSide | undefined;
  readonly drift: DriftSide;
}

const NO_BROKER = { url: "", connected: false, lastError: null, unreadable: 0 } as const;

const FLAG_SENTENCES: Readonly<Record<FlagOutcome, string>> = {
  queued: "Its picture is on the way to the hub.",
  added: "Its picture waits for the hub already.",
  told: "The hub has its picture already and is told.",
  gone: "Its picture is no longer kept here; the hub learns of the verdict only.",
};

/** The running device as the status page and the HTTP interface see it. */
export class LiveView implements DeviceView {
  readonly #parts: LiveViewParts;
  readonly #startedAt: string;

  constructor(parts: LiveViewParts) {
    this.#parts = parts;
    this.#startedAt = toIso(parts.clock.wallNow());
  }

  status(): DeviceStatus {
    const { config, bootSeq, journal, inspection, condition, broker } = this.#parts;
    const { line, recipes, statistics, camera } = inspection;
    const { recording, sentence, bytes, backlog } = journal.status();
    const engine = inspection.engine.status();
    const { name, state, framesPerSecond, restarts, lastError: cameraError, widthPx, heightPx } = camera.status();
    const { url, connected, lastError, unreadable } = broker() ?? NO_BROKER;
    return {
      device: config.device,
      line: config.mqtt?.root ?? "",
      version: VERSION,
      startedAt: this.#startedAt,
      bootSeq,
      ...condition(),
      ...this.#judging(),
      recipes: recipes.names,
      classes: recipes.active?.classes ?? [],
      decision: recipes.active?.rules ?? null,
      providerFallbacks: engine.fallbacks,
      trigger: config.trigger.mode,
      camera: { name, state, framesPerSecond, restarts, lastError: cameraError, widthPx, heightPx },
      broker: { url, connected, lastError, backlog, unreadable },
      hub: hubStatus(this.#parts.uplink),
      drift: this.#parts.drift.watch.status(),
      certificate: this.#parts.drift.certificate(),
      journal: { recording, sentence, bytes },
      counts: statistics.counts,
      triggers: statistics.triggers,
      pendingTriggers: line.pending,
      latencyMs: statistics.latencyPercentiles(),
      inferenceRestarts: engine.restarts,
      history: statistics.history,
    };
  }

  #judging(): Pick<DeviceStatus, "recipe" | "model" | "provider" | "release"> {
    return { ...this.running(), release: this.#parts.releases?.status() ?? null };
  }

  /** What judges, and on which provider. */
  running(): Pick<DeviceState, "recipe" | "model" | "provider" | "release"> {
    const { inspection, releases } = this.#parts;
    const recipe = inspection.recipes.active;
    const model = recipe === undefined ? null : modelReference(recipe);
    const { provider } = judgingEngine(inspection).status();
    return { recipe: recipe?.name ?? null, model, provider, release: releases?.inState() ?? null };
  }

  ready(): boolean {
    const { state } = this.#parts.condition();
    return state === "inspecting" || state === "degraded";
  }

  latestFrame(): LatestFrame | undefined {
    return this.#parts.inspection.line.latest;
  }

  latestVerdicts(limit: number): Promise<Verdict[]> {
    return this.#parts.journal.latestVerdicts(limit);
  }

  trigger(request: TriggerRequest): Promise<Verdict> {
    return this.#parts.inspection.desk.take(request, { source: "http" }).verdict;
  }

  inspectImage(bytes: Uint8Array, part: string | undefined): Promise<Verdict> {
    const { clock, inspection } = this.#parts;
    const receivedTick = clock.tick();
    const capturedAt = clock.wallNow();
    const at = { seq: 0, capturedAt, capturedTick: receivedTick, metadata: { uploaded: true } };
    const capture = async (): Promise<CapturedFrame> => {
      const decoded = await decodeImage(bytes, { maxPixels: MOST_UPLOADED_PIXELS });
      if (!decoded.ok) return { kind: "damaged", reason: decoded.reason, detail: decoded.detail, ...at };
      return { kind: "frame", image: decoded.image, ...at };
    };
    return inspection.line.accept({
      source: "upload",
      requestId: null,
      part,
      deadlineMs: undefined,
      receivedTick,
      capture,
    }).verdict;
  }

  async flag(verdictId: string, note: string, by: string): Promise<CommandReply> {
    const done = await this.#audit("flag", verdictId, by, { note }, "The part is flagged for the central team.");
    const outcome = await this.#parts.uplink?.flag(verdictId, by, note);
    return outcome === undefined ? done : { ...done, message: `${done.message} ${FLAG_SENTENCES[outcome]}` };
  }

  async override(verdictId: string, verdict: "pass" | "reject", reason: string, by: string): Promise<CommandReply> {
    return this.#audit(
      "override",
      verdictId,
      by,
      { verdict, reason },
      `The verdict is overridden to ${verdict}; the original stays in the journal.`,
    );
  }

  /** Throws UNKNOWN_RECIPE. */
  async switchRecipe(recipe: string, by: string): Promise<CommandReply> {
    const { recipes } = this.#parts.inspection;
    const before = recipes.active?.name ?? null;
    await recipes.switchTo(recipe);
    const done = `Recipe ${recipe} is active.`;
    const unrecorded = await this.#record({
      action: "recipe",
      verdictId: null,
      by,
      detail: { from: before, to: recipe },
    }).then(
      () => "",
      (error: unknown) => ` The audit trail does not show it yet: ${messageOf(error)}.`,
    );
    return { schema: 1, id: null, ok: true, message: done + unrecorded };
  }

  async acknowledgeDrift(by: string, note: string): Promise<CommandReply> {
    const closed = await this.#parts.drift.watch.acknowledge(by, note);
    if (closed === 0)
      return { schema: 1, id: null, ok: false, message: "No drift alarm of the active recipe is open." };
    const message = "The drift alarm is acknowledged. While the change lasts, there will be another.";
    return { schema: 1, id: null, ok: true, message };
  }

  async relearnDrift(by: string, note: string): Promise<CommandReply> {
    if (await this.#parts.drift.watch.relearn(by, note))
      return { schema: 1, id: null, ok: true, message: "What is usual at this line is learnt anew from now on." };
    return { schema: 1, id: null, ok: false, message: "Nothing has been learnt of the active recipe yet." };
  }

  driftPicture(sheet: SheetName, index: number): Uint8Array | undefined {
    return this.#parts.drift.watch.picture(sheet, index);
  }

  onVerdict(listener: (verdict: Verdict) => void): () => void {
    return this.#parts.inspection.decidedOnLine.add(listener);
  }

  metrics(): Promise<string> {
    return this.#parts.metrics.text();
  }

  async #audit(
    action: "flag" | "override",
    verdictId: string,
    by: string,
    detail: AuditEntry["detail"],
    done: string,
  ): Promise<CommandReply> {
    const known = await this.#parts.journal.verdictById(verdictId);
    if (known === undefined)
      throw new SightlineError("UNKNOWN_VERDICT", `${verdictId} is not in this device's journal`);
    await this.#record({ action, verdictId, by, detail });
    return { schema: 1, id: null, ok: true, message: done };
  }

  #record(entry: Omit<AuditEntry, "at">): Promise<void> {
    return this.#parts.journal.recordAudit({ at: toIso(this.#parts.clock.wallNow()), ...entry });
  }
}

function hubStatus(uplink: Uplink | undefined): DeviceStatus["hub"] {
  if (uplink === undefined) return null;
  const { url, enrolled, connected, waiting, waitingBytes, refused, sent, lost, leftOut, hold, problem } =
    uplink.status();
  const sentence = problem?.sentence ?? null;
  return { url, enrolled, connected, waiting, waitingBytes, refused, sent, lost, leftOut, hold, sentence };
}
