import type { CommandReply, DeviceCommand } from "../contracts/command.ts";
import type { DeviceState } from "../contracts/device-state.ts";
import { messageOf } from "../contracts/errors.ts";
import type { JournalOpening, JournalStatus } from "../pipeline/journal/journal.ts";
import { SqliteJournal } from "../pipeline/journal/sqlite-journal.ts";
import type { BrokerStatus } from "../pipeline/publish/broker-link.ts";
import type { UplinkProblem } from "../pipeline/uplink/uplink-problem.ts";
import { unlessAborted } from "../platform/abort.ts";
import { toIso } from "../platform/clock.ts";
import { startServices, type RunningServices, type Service } from "../platform/services.ts";
import { VERSION } from "../platform/version.ts";
import { assembleBrokerSide, isHubBehindBroker } from "./broker-side.ts";
import { conditionOf, type DeviceCondition } from "./device-condition.ts";
import type { DeviceConfig } from "./device-config.ts";
import type { DeviceParts } from "./device-parts.ts";
import { assembleHubSide } from "./hub-side.ts";
import { assembleInspection, judgingEngine, type Inspection } from "./inspection.ts";
import { LiveView } from "./live-view.ts";
import { readSecret } from "../config/secret.ts";
import { Reporter } from "./reporter.ts";
import { assembleRollout, beginRollout, reportReleases, withReleases } from "./rollout-side.ts";
import { StatusServer } from "./status/status-server.ts";
import { VitalSigns } from "./vital-signs.ts";

export interface RunningDevice {
  /** Address of the status page. */
  readonly url: string;
  readonly bootSeq: number;
  /** The journal's own count of triggers and verdicts. */
  readonly ledger: () => JournalStatus;
  /** Decides what is in flight, publishes and journals it, leaves `offline` behind. */
  stop(): Promise<void>;
}

/**
 * How long a stopping device waits for parts in flight before they become `shutdown` faults. With the patience that
 * camera, engine, publisher, link and journal have at worst, less than the service's TimeoutStopSec of 20 s.
 */
const SHUTDOWN_GRACE_MS = 4000;

/**
 * Everything a device is made of, in the order in which it boots. The journal comes first: without a ledger on disk
 * nothing is inspected. Triggers come last, and go first when the device stops.
 */
export async function startDevice(config: DeviceConfig, parts: DeviceParts): Promise<RunningDevice> {
  const { clock, log } = parts;
  const journal = openJournal(config, parts);
  const life = { starting: true, stopping: false, shutdown: new AbortController() };
  const stop = async (services: RunningServices | undefined): Promise<void> => {
    life.stopping = true;
    const cancelGrace = clock.after(SHUTDOWN_GRACE_MS, () => life.shutdown.abort());
    await services?.stop();
    cancelGrace();
    await journal.stop();
  };
  parts.stop?.addEventListener("abort", () => {
    life.stopping = true;
    if (life.starting) life.shutdown.abort();
  });
  try {
    const opening = await unlessAborted(journal.start(), parts.stop);
    const { services, url } = await assembleDevice(config, parts, { journal, opening, life });
    const onStopError = (service: string, error: unknown): void =>
      log.error({ service, error }, "a service did not stop cleanly");
    const started = await startServices(services, onStopError, parts.stop);
    life.starting = false;
    const { bootSeq, interrupted } = opening;
    log.info({ device: config.device, bootSeq, url: url(), interrupted: interrupted.length }, "device is up");
    return { url: url(), bootSeq, ledger: () => journal.status(), stop: () => stop(started) };
  } catch (error) {
    await stop(undefined);
    throw error;
  }
}

const openJournal = (config: DeviceConfig, { clock, log, random }: DeviceParts): SqliteJournal =>
  new SqliteJournal(
    {
      directoryPath: config.dataDirectory,
      hubConfigured: config.hub?.acknowledges === true,
      hubBehindBroker: isHubBehindBroker(config),
      brokerConfigured: config.mqtt !== null,
      ...config.journal,
    },
    { clock, logger: log.child({ component: "journal" }), random },
  );

interface Foundation {
  readonly journal: SqliteJournal;
  readonly opening: JournalOpening;
  readonly life: { readonly starting: boolean; readonly stopping: boolean; readonly shutdown: AbortController };
}

interface Assembly {
  /** In the order of boot. */
  readonly services: readonly Service[];
  readonly url: () => string;
}

async function assembleDevice(config: DeviceConfig, parts: DeviceParts, foundation: Foundation): Promise<Assembly> {
  const { clock, log } = parts;
  const { journal, opening, life } = foundation;
  const { bootSeq } = opening;
  const uplink = await assembleHubSide(config, parts, journal);
  const beginning = await beginRollout(config, parts);
  const inspection = assembleInspection(config, parts, {
    ...{ journal, bootSeq, shutdown: life.shutdown.signal, uplink },
    ...(beginning === undefined
      ? {}
      : { modelPaths: beginning.modelPaths, beside: (part) => releases?.rollout.observe(part) }),
  });
  const { engine, recipes, rejectSignal, camera, clockWatch, line, intake, desk, decided, unrecorded, ended } =
    inspection;
  const condition = watchCondition(inspection, foundation, {
    broker: () => broker?.link.status(),
    hub: () => uplink?.status().problem,
    release: () => releases?.problem(),
  });
  const releases = withReleases(config, (released) =>
    beginning === undefined
      ? undefined
      : assembleRollout(released, parts, { beginning, inspection, journal, uplink, onChange: () => reportRelease() }),
  );
  const reportRelease = reportReleases(releases, (report) => {
    broker?.link.publishLatest("release", report);
    uplink?.report("/api/v1/device/release", report);
  });
  const vitalSigns = new VitalSigns({
    ...{ clock, inspection },
    journal: () => journal.status(),
    broker: () => broker?.link.status(),
    publisher: () => broker?.publisher.status(),
    uplink: () => uplink?.status(),
  });
  const view = new LiveView({
    ...{ config, bootSeq, clock, journal, inspection, condition, uplink, releases, metrics: vitalSigns.metrics },
    broker: () => broker?.link.status(),
  });
  const running = (): Pick<DeviceState, "recipe" | "model" | "provider" | "release"> => view.running();
  const stamp = (): Pick<DeviceState, "schema" | "device" | "bootSeq" | "at"> => ({
    ...{ schema: 1, device: config.device, bootSeq },
    at: toIso(clock.wallNow()),
  });
  const broker = await assembleBrokerSide(config, parts, {
    ...{ journal, desk },
    offlineState: () => ({ ...stamp(), state: "offline", ...running(), problems: [] }),
    onCommand: (command) => obey(command, view, bootSeq),
  });
  const { host, port, writeToken } = config.http;
  const statusServer = new StatusServer(
    { device: view, version: VERSION, clock, log: log.child({ component: "http" }) },
    { host, port, writeToken: writeToken === undefined ? null : await readSecret(writeToken, parts.environment) },
  );
  const reporter = new Reporter({
    ...{ clock, log, condition, running },
    publishState: (state) => broker?.link.publishLatest("state", { ...stamp(), ...state }),
    publishHealth: () => {
      broker?.link.publishLatest("health", { ...stamp(), ...vitalSigns.health() });
      reportRelease();
    },
  });
  if (parts.onVerdict !== undefined) decided.add(parts.onVerdict);
  if (parts.onEnd !== undefined) ended.add(parts.onEnd);
  unrecorded.add((verdict) => broker?.publisher.publishUnrecorded(verdict));

  const reconciliation = service("reconciliation", { start: () => line.answerInterrupted(opening.interrupted) });
  const inference = service("inference", { start: () => engine.start(), stop: () => engine.stop() });
  // Stopped after the last part in flight is decided, before anything it needs is gone.
  const gate = service("gate", { stop: async () => life.shutdown.abort() });
  // A model on trial judges until the gate is closed.
  const inside = [inference, recipes, releases?.rollout, rejectSignal, camera, gate, intake];
  const outside = [
    clockWatch,
    vitalSigns,
    reconciliation,
    statusServer,
    broker?.link,
    broker?.publisher,
    uplink,
    reporter,
    releases?.watch,
  ];
  return { services: [...outside, ...inside].filter((one) => one !== undefined), url: () => statusServer.url };
}

interface ConditionSources {
  readonly broker: () => BrokerStatus | undefined;
  readonly hub: () => UplinkProblem | null | undefined;
  readonly release: () => DeviceState["problems"][number] | null | undefined;
}

function watchCondition(
  inspection: Inspection,
  { journal, life }: Foundation,
  { broker, hub, release }: ConditionSources,
): () => DeviceCondition {
  const { recipes, camera, ended, rejectSignal } = inspection;
  let sourceEnded = false;
  ended.add(() => (sourceEnded = true));
  return () =>
    conditionOf({
      starting: life.starting,
      stopping: life.stopping,
      recipeActive: recipes.active !== undefined,
      refusedRecipes: recipes.refused,
      camera: camera.status(),
      sourceEnded,
      engine: judgingEngine(inspection).status(),
      journal: journal.status(),
      broker: broker() ?? null,
      hub: hub() ?? null,
      release: release() ?? null,
      rejectSignal: rejectSignal.status(),
    });
}

async function obey(command: DeviceCommand, view: LiveView, bootSeq: number): Promise<CommandReply> {
  if (command.command === "ping") return { schema: 1, id: command.id, ok: true, message: `boot ${bootSeq}` };
  try {
    return { ...(await view.switchRecipe(command.recipe, "mqtt")), id: command.id };
  } catch (error) {
    return { schema: 1, id: command.id, ok: false, message: messageOf(error) };
  }
}

const service = (
  name: string,
  { start, stop }: { start?: () => Promise<void>; stop?: () => Promise<void> },
): Service => ({
  name,
  start: start ?? (async () => undefined),
  stop: stop ?? (async () => undefined),
});
