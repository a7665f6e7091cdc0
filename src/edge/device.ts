import { monitorEventLoopDelay } from "node:perf_hooks";
import type { CommandReply, DeviceCommand } from "../contracts/command.ts";
import type { DeviceState } from "../contracts/device-state.ts";
import type { Verdict } from "../contracts/verdict.ts";
import { CameraLink, CameraLinkOptions } from "../pipeline/capture/camera-link.ts";
import type { FrameSource } from "../pipeline/capture/frame-source.ts";
import type { JournalStatus } from "../pipeline/journal/journal.ts";
import { SqliteJournal } from "../pipeline/journal/sqlite-journal.ts";
import { BrokerLink } from "../pipeline/publish/broker-link.ts";
import { VerdictPublisher } from "../pipeline/publish/verdict-publisher.ts";
import { toIso, type Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import { startServices, type Service } from "../platform/services.ts";
import { VERSION } from "../platform/version.ts";
import { brokerSettings } from "./broker-settings.ts";
import { openFrameSource } from "./camera-config.ts";
import { ClockWatch } from "./clock-watch.ts";
import { conditionOf, type DeviceCondition } from "./device-condition.ts";
import type { DeviceConfig } from "./device-config.ts";
import { inferenceSlots, openEngine } from "./open-engine.ts";
import { Line } from "./line.ts";
import { LineStatistics } from "./line-statistics.ts";
import { LiveView } from "./live-view.ts";
import { readSecret } from "./load-config.ts";
import { RecipeBook } from "./recipe-book.ts";
import { openRejectSignal } from "./reject-signal/open-reject-signal.ts";
import { Reporter } from "./reporter.ts";
import { DeviceMetrics } from "./status/metrics.ts";
import { StatusServer } from "./status/status-server.ts";
import { TriggerIntake } from "./trigger-intake.ts";
import { TriggerDesk } from "./triggers/trigger-desk.ts";
import { triggerOfFrame } from "./triggers/free-running.ts";

export interface DeviceParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Instead of the configured camera: benchmarks and tests feed frames from memory. */
  readonly source?: FrameSource;
  /** Called for each verdict at its decision, in order. */
  readonly onVerdict?: (verdict: Verdict) => void;
  /** Called when a source that ends (a folder read once) has ended and its last part is decided. */
  readonly onEnd?: () => void;
}

export interface RunningDevice {
  /** Address of the status page. */
  readonly url: string;
  readonly bootSeq: number;
  readonly view: LiveView;
  readonly condition: () => DeviceCondition;
  /** The journal's own count of triggers and verdicts. */
  readonly ledger: () => JournalStatus;
  /** Decides what is in flight, publishes and journals it, leaves `offline` behind. */
  stop(): Promise<void>;
}

/** How long a stopping device waits for parts in flight before they become `shutdown` faults. */
const SHUTDOWN_GRACE_MS = 5000;
const HUB_ACKNOWLEDGES_WITHIN_MS = 60_000;
const EVENT_LOOP_RESOLUTION_MS = 10;

/**
 * Everything a device is made of, in the order in which it boots. The journal comes first: without a ledger on disk
 * nothing is inspected. Triggers come last, and go first when the device stops.
 */
export async function startDevice(config: DeviceConfig, parts: DeviceParts): Promise<RunningDevice> {
  const { clock, log, random } = parts;
  const journal = new SqliteJournal(
    {
      directoryPath: config.dataDirectory,
      hubConfigured: config.hub?.acknowledges === true,
      brokerConfigured: config.mqtt !== null,
      ...config.journal,
    },
    { clock, logger: log.child({ component: "journal" }), random },
  );
  const { bootSeq, interrupted } = await journal.start();
  const clockWatch = new ClockWatch(clock);
  const eventLoop = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  const shutdown = new AbortController();
  let stopping = false;
  let sourceEnded = false;

  const engine = openEngine({ ...config.inference, clock, log });
  const recipes = new RecipeBook(
    {
      recipes: config.recipes,
      activeRecipe: config.activeRecipe,
      deadlineMs: config.trigger.deadlineMs,
      dataDirectory: config.dataDirectory,
    },
    { engine, log },
  );
  const source = parts.source ?? openFrameSource(config.camera, clock);
  const camera = new CameraLink(source, CameraLinkOptions.parse({}), {
    clock,
    random,
    log: log.child({ component: "camera" }),
    onMissed: (frame) => {
      if (config.trigger.mode === "external") return; // between two triggers nobody asked for this frame
      const refused = { reason: "overrun", detail: "the frame could not be taken in time" } as const;
      line.accept({ ...triggerOfFrame(frame, frame.capturedTick), refused });
    },
  });
  const rejectSignal = openRejectSignal(config.rejectSignal, {
    clock,
    log: log.child({ component: "reject-signal" }),
    random,
    isDeciding: () => view.ready(),
  });
  const statistics = new LineStatistics(clock);
  const metrics = new DeviceMetrics(() => ({
    triggersTotal: statistics.triggers,
    pendingTriggers: line.pending,
    cameraRestartsTotal: camera.status().restarts,
    inferenceRestartsTotal: engine.status().restarts,
    brokerConnected: broker?.status().connected === true,
    backlogVerdicts: journal.status().backlog,
    unrecordedVerdictsTotal: journal.status().unrecorded,
    journalBytes: journal.status().bytes,
    eventLoopP99Ms: eventLoop.percentile(99) / 1e6,
    framesPerSecond: camera.status().framesPerSecond,
  }));
  const line = new Line(
    {
      device: config.device,
      bootSeq,
      queueCapacity: config.trigger.queueCapacity,
      inferenceSlots: inferenceSlots(config.inference),
      shutdown: shutdown.signal,
      live: source.live,
    },
    {
      clock,
      log,
      engine,
      journal,
      recipes,
      statistics,
      clockSynced: () => clockWatch.synced,
      onDecided: (verdict) => {
        rejectSignal.signal(verdict);
        metrics.observeVerdict(verdict);
        view.announce(verdict);
        parts.onVerdict?.(verdict);
      },
      onUnrecorded: (verdict) => publisher?.publishUnrecorded(verdict),
    },
  );
  const desk = new TriggerDesk({
    clock,
    journal,
    accept: (trigger) => line.accept(trigger),
    nextFrameAfter: (tick, signal) => camera.nextAfter(tick, signal),
  });

  const condition = (): DeviceCondition =>
    conditionOf({
      stopping,
      recipeActive: recipes.active !== undefined,
      refusedRecipes: recipes.refused,
      camera: camera.status(),
      sourceEnded,
      engine: engine.status(),
      journal: journal.status(),
      broker: broker?.status() ?? null,
      rejectSignal: rejectSignal.status(),
    });
  const running = (): Pick<DeviceState, "recipe" | "model" | "provider"> => {
    const { recipe, model, provider } = view.status();
    return { recipe, model, provider };
  };
  const offlineState = (): DeviceState => ({
    schema: 1,
    device: config.device,
    state: "offline",
    bootSeq,
    at: toIso(clock.wallNow()),
    ...running(),
    problems: [],
  });
  const onCommand = async (command: DeviceCommand): Promise<CommandReply> => {
    if (command.command === "ping") return { schema: 1, id: command.id, ok: true, message: `boot ${bootSeq}` };
    return { ...(await view.switchRecipe(command.recipe, "mqtt")), id: command.id };
  };
  const broker =
    config.mqtt === null
      ? undefined
      : new BrokerLink(await brokerSettings(config.mqtt, config.device, parts.environment), {
          clock,
          random,
          logger: log.child({ component: "broker" }),
          offlineState,
          onTrigger: (request, { late }) => desk.take(request, { source: "mqtt", late }).recorded,
          onCommand,
          onAcknowledgement: ({ bootSeq: boot, verdictSeq }) => journal.markAcknowledged(boot, verdictSeq),
        });
  const publisher =
    broker === undefined
      ? undefined
      : new VerdictPublisher({
          outbox: journal,
          link: broker,
          clock,
          random,
          logger: log.child({ component: "publish" }),
          hub: config.hub?.acknowledges === true ? { acknowledgeWithinMs: HUB_ACKNOWLEDGES_WITHIN_MS } : null,
        });
  const view = new LiveView({
    config,
    bootSeq,
    clock,
    journal,
    line,
    desk,
    recipes,
    statistics,
    metrics,
    condition,
    camera: () => camera.status(),
    engine: () => engine.status(),
    broker: () => broker?.status() ?? { url: "", connected: false, lastError: null },
  });
  const { writeToken } = config.http;
  const statusServer = new StatusServer(
    { device: view, version: VERSION, clock, log: log.child({ component: "http" }) },
    {
      host: config.http.host,
      port: config.http.port,
      writeToken: writeToken === undefined ? null : await readSecret(writeToken, parts.environment),
    },
  );
  const reporter = new Reporter({
    device: config.device,
    bootSeq,
    clock,
    log,
    condition,
    running,
    health: () => ({
      uptimeS: Math.round(process.uptime()),
      triggers: statistics.triggers,
      verdicts: statistics.counts,
      pendingTriggers: line.pending,
      framesPerSecond: camera.status().framesPerSecond,
      latencyMs: statistics.latencyPercentiles(),
      backlog: journal.status().backlog,
      unrecorded: journal.status().unrecorded,
      inferenceRestarts: engine.status().restarts,
      cameraRestarts: camera.status().restarts,
      eventLoopP99Ms: eventLoop.percentile(99) / 1e6,
      rssBytes: process.memoryUsage.rss(),
    }),
    publishState: (state) => broker?.publishLatest("state", state),
    publishHealth: (health) => broker?.publishLatest("health", health),
  });
  const intake = new TriggerIntake({
    mode: config.trigger.mode,
    live: source.live,
    clock,
    log,
    frames: (signal) => camera.frames(signal),
    accept: (trigger) => line.accept(trigger),
    room: (signal) => line.room(signal),
    pending: () => line.pending,
    onEnd: () => {
      sourceEnded = true;
      parts.onEnd?.();
    },
  });
  const instruments: Service = {
    name: "instruments",
    start: async () => {
      metrics.start();
      eventLoop.enable();
      await clockWatch.start();
      await line.answerInterrupted(interrupted);
    },
    stop: async () => {
      eventLoop.disable();
      await clockWatch.stop();
    },
  };

  const inference: Service = { name: "inference", start: () => engine.start(), stop: () => engine.stop() };
  const gate: Service = { name: "gate", start: async () => undefined, stop: async () => shutdown.abort() };

  const services = [
    instruments, statusServer, broker, publisher, reporter, inference, recipes, rejectSignal, camera, gate, intake,
  ];
  const onStopError = (service: string, error: unknown): void => log.error({ service, error }, "a service did not stop cleanly");
  const stop = async (services: { stop(): Promise<void> } | undefined): Promise<void> => {
    stopping = true;
    const cancelGrace = clock.after(SHUTDOWN_GRACE_MS, () => shutdown.abort());
    await services?.stop();
    cancelGrace();
    await journal.stop();
  };
  try {
    const started = await startServices(services.filter((service) => service !== undefined), onStopError);
    log.info({ device: config.device, bootSeq, url: statusServer.url, interrupted: interrupted.length }, "device is up");
    return { url: statusServer.url, bootSeq, view, condition, ledger: () => journal.status(), stop: () => stop(started) };
  } catch (error) {
    await stop(undefined);
    throw error;
  }
}
