import { monitorEventLoopDelay } from "node:perf_hooks";
import type { DeviceHealth } from "../contracts/device-state.ts";
import type { JournalStatus } from "../pipeline/journal/journal.ts";
import type { BrokerStatus } from "../pipeline/publish/broker-link.ts";
import type { PublisherStatus } from "../pipeline/publish/verdict-publisher.ts";
import type { UplinkStatus } from "../pipeline/uplink/uplink.ts";
import type { Clock } from "../platform/clock.ts";
import type { Service } from "../platform/services.ts";
import type { Inspection } from "./inspection.ts";
import type { DriftSide } from "./drift-side.ts";
import { DeviceMetrics } from "./status/metrics.ts";

const RESOLUTION_MS = 10;
/** The figure is of this window and the one before: what happened hours ago says nothing of now. */
const WINDOW_MS = 15_000;

export interface VitalSignsContext {
  readonly clock: Clock;
  readonly inspection: Inspection;
  readonly journal: () => JournalStatus;
  readonly broker: () => BrokerStatus | undefined;
  readonly publisher: () => PublisherStatus | undefined;
  readonly uplink: () => UplinkStatus | undefined;
  readonly drift: DriftSide;
}

/** Counters and gauges of the device, for MQTT health and for Prometheus. */
export class VitalSigns implements Service {
  readonly name = "vital signs";
  readonly metrics: DeviceMetrics;
  readonly #context: VitalSignsContext;
  readonly #eventLoop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #lastWindowP99Ms = 0;
  #cancelWindow = (): void => undefined;

  constructor(context: VitalSignsContext) {
    this.#context = context;
    this.metrics = new DeviceMetrics(() => {
      const health = this.health();
      const ledger = context.journal();
      const camera = context.inspection.camera.status();
      const publisher = context.publisher();
      const uplink = context.uplink();
      const gate = context.inspection.rejectSignal.status();
      return {
        triggersTotal: health.triggers,
        pendingTriggers: health.pendingTriggers,
        cameraRestartsTotal: health.cameraRestarts,
        cameraStallsTotal: camera.stalls,
        cameraResizesTotal: camera.resizes,
        lastFrameAtMs: camera.lastFrameAt ?? 0,
        journalRestartsTotal: ledger.workerRestarts,
        unreadableMessagesTotal: context.broker()?.unreadable ?? 0,
        publishedVerdictsTotal: publisher?.published ?? 0,
        verdictsInFlight: publisher?.inFlight ?? 0,
        unrecordedSentTotal: publisher?.unrecordedSent ?? 0,
        unrecordedDroppedTotal: publisher?.unrecordedDropped ?? 0,
        inferenceRestartsTotal: health.inferenceRestarts,
        brokerConnected: context.broker()?.connected === true,
        backlogVerdicts: health.backlog,
        unrecordedVerdictsTotal: health.unrecorded,
        refusedVerdictsTotal: ledger.refused,
        ledgerTriggers: ledger.triggers,
        ledgerVerdicts: ledger.verdicts,
        journalBytes: ledger.bytes,
        gatePassesTotal: gate.passCount,
        gateMissedPassesTotal: gate.missedPassCount,
        gateOverlapsTotal: gate.overlapCount,
        gateLateWritesTotal: gate.lateWriteCount,
        hubCasesWaiting: uplink?.waiting ?? 0,
        hubBytesWaiting: uplink?.waitingBytes ?? 0,
        hubCasesSentTotal: uplink?.sent ?? 0,
        hubCasesLostTotal: uplink?.lost ?? 0,
        hubCasesLeftOutTotal: uplink?.leftOut ?? 0,
        driftAlarmsTotal: context.drift.watch.alarmsTotal,
        driftAlarmsOpen: health.drift.alarms.length,
        driftCloseness: context.drift.watch.status().closest?.share ?? 0,
        driftLearntFrames: health.drift.framesLearnt,
        certificateValid: health.certificateValid === true ? 1 : 0,
        eventLoopP99Ms: health.eventLoopP99Ms,
        framesPerSecond: health.framesPerSecond,
      };
    });
    context.inspection.decided.add((verdict) => this.metrics.observeVerdict(verdict));
  }

  async start(): Promise<void> {
    this.metrics.start();
    this.#eventLoop.enable();
    this.#scheduleWindow();
  }

  async stop(): Promise<void> {
    this.#cancelWindow();
    this.#eventLoop.disable();
  }

  #scheduleWindow(): void {
    this.#cancelWindow = this.#context.clock.after(WINDOW_MS, () => {
      this.#lastWindowP99Ms = this.#eventLoop.percentile(99) / 1e6;
      this.#eventLoop.reset();
      this.#scheduleWindow();
    });
  }

  health(): Omit<DeviceHealth, "schema" | "device" | "bootSeq" | "at"> {
    const { inspection, journal } = this.#context;
    const { statistics, line, camera, engine } = inspection;
    const { backlog, unrecorded } = journal();
    const { framesPerSecond, restarts: cameraRestarts } = camera.status();
    return {
      uptimeS: Math.round(process.uptime()),
      triggers: statistics.triggers,
      verdicts: statistics.counts,
      pendingTriggers: line.pending,
      framesPerSecond,
      latencyMs: statistics.latencyPercentiles(),
      backlog,
      unrecorded,
      inferenceRestarts: engine.status().restarts,
      cameraRestarts,
      eventLoopP99Ms: Math.max(this.#lastWindowP99Ms, this.#eventLoop.percentile(99) / 1e6),
      rssBytes: process.memoryUsage.rss(),
      drift: this.#drift(),
      certificateValid: this.#context.drift.certificate()?.valid ?? null,
    };
  }

  #drift(): DeviceHealth["drift"] {
    const { state, framesLearnt, alarms } = this.#context.drift.watch.status();
    return { state, framesLearnt, alarms };
  }
}
