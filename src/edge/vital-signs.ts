import { monitorEventLoopDelay } from "node:perf_hooks";
import type { DeviceHealth } from "../contracts/device-state.ts";
import type { JournalStatus } from "../pipeline/journal/journal.ts";
import type { BrokerStatus } from "../pipeline/publish/broker-link.ts";
import type { Service } from "../platform/services.ts";
import type { Inspection } from "./inspection.ts";
import { DeviceMetrics } from "./status/metrics.ts";

const RESOLUTION_MS = 10;

export interface VitalSignsContext {
  readonly inspection: Inspection;
  readonly journal: () => JournalStatus;
  readonly broker: () => BrokerStatus | undefined;
}

/** Counters and gauges of the device, for MQTT health and for Prometheus. */
export class VitalSigns implements Service {
  readonly name = "vital signs";
  readonly metrics: DeviceMetrics;
  readonly #context: VitalSignsContext;
  readonly #eventLoop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor(context: VitalSignsContext) {
    this.#context = context;
    this.metrics = new DeviceMetrics(() => {
      const health = this.health();
      const ledger = context.journal();
      const gate = context.inspection.rejectSignal.status();
      return {
        triggersTotal: health.triggers,
        pendingTriggers: health.pendingTriggers,
        cameraRestartsTotal: health.cameraRestarts,
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
        eventLoopP99Ms: health.eventLoopP99Ms,
        framesPerSecond: health.framesPerSecond,
      };
    });
    context.inspection.decided.add((verdict) => this.metrics.observeVerdict(verdict));
  }

  async start(): Promise<void> {
    this.metrics.start();
    this.#eventLoop.enable();
  }

  async stop(): Promise<void> {
    this.#eventLoop.disable();
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
      eventLoopP99Ms: this.#eventLoop.percentile(99) / 1e6,
      rssBytes: process.memoryUsage.rss(),
    };
  }
}
