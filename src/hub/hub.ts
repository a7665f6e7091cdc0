import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, readSecret } from "../config/secret.ts";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import type { Api } from "../http/zod-provider.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import { type RunningServices, type Service, startServices } from "../platform/services.ts";
import { VERSION } from "../platform/version.ts";
import type { HubConfig } from "./hub-config.ts";
import { installHealthRoutes } from "./health-routes.ts";
import { HubMetrics } from "./hub-metrics.ts";
import { CaseIntake } from "./intake/case-intake.ts";
import { DayUsage } from "./intake/day-usage.ts";
import { installDeviceAdminRoutes } from "./intake/device-admin-routes.ts";
import { ImageIntake } from "./intake/image-intake.ts";
import { installIntakeRoutes } from "./intake/intake-routes.ts";
import { installDatasetRoutes } from "./datasets/dataset-routes.ts";
import { makeFirstAdmin } from "./people/accounts.ts";
import { OpenIdClient } from "./people/openid.ts";
import { installOpenIdRoutes } from "./people/openid-routes.ts";
import { installSessionRoutes, type SessionParts } from "./people/session-routes.ts";
import { removeExpiredSessions } from "./people/sessions.ts";
import { SignInAttempts } from "./people/sign-in-attempts.ts";
import { installUserRoutes } from "./people/user-routes.ts";
import { LeaseTable } from "./jobs/lease-table.ts";
import { openShortJobs } from "./jobs/open-short-jobs.ts";
import { installLoopRoutes } from "./loop/loop-routes.ts";
import { installProjectRoutes } from "./projects/project-routes.ts";
import { Reconciliation } from "./reconciliation.ts";
import { SimilarityIndex } from "./cases/similar-cases.ts";
import { installFleetRoutes, installReportRoutes } from "./releases/fleet-routes.ts";
import { installLineHealthRoutes } from "./watch/line-health-routes.ts";
import { ReleaseDesk } from "./releases/release-desk.ts";
import { ReleaseKeeper } from "./releases/release-keeper.ts";
import { installReleaseRoutes, serveReleases } from "./releases/release-routes.ts";
import { HubServer } from "./server.ts";
import { type Database, openDatabase } from "./store/database.ts";
import type { ObjectStore } from "./store/object-store.ts";
import { openObjectStore } from "./store/open-object-store.ts";
import { databaseSettings, modelStoreSettings, objectStoreSettings } from "./store-settings.ts";
import { judgementsOn } from "./training/judgements.ts";
import { installJudgementRoutes } from "./training/judgement-routes.ts";
import { installTrainingRoutes } from "./training/training-routes.ts";
import { trainingWorkers } from "./training/training-worker.ts";
import { AnalysisDesk } from "./workbench/analysis-desk.ts";
import { SUSPICION_JOB, suspectLater, suspicionHandler } from "./workbench/label-suspicion.ts";
import { installWorkbench } from "./workbench/workbench-routes.ts";

export interface HubParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly environment: Environment;
  /** Given the administrator of a hub without users, whose password is good for one sign-in; shown once, to a person. */
  readonly onFirstAdmin?: (admin: { readonly name: string; readonly password: string }) => void;
}

export interface RunningHub {
  /** Address of the hub. */
  readonly url: string;
  /** Answers what is under way, then ends. */
  stop(): Promise<void>;
}

/** Opens the database that the configuration names. Throws CONFIG_INVALID where it cannot be opened. */
export async function openHubDatabase(config: HubConfig, environment: Environment): Promise<Database> {
  await mkdir(config.dataDirectory, { recursive: true });
  const settings = await databaseSettings(config.database, environment);
  return openDatabase(settings).catch((error: unknown) => {
    const where = config.database.engine === "sqlite" ? config.database.path : config.database.url;
    throw new SightlineError("CONFIG_INVALID", `the database ${where} cannot be opened (${messageOf(error)})`, {
      cause: error,
    });
  });
}

/**
 * Everything a hub is made of, in the order in which it boots: the database first, the server last. It stops in the
 * opposite order, so that what was begun is answered while everything it needs is still there.
 */
export async function startHub(config: HubConfig, parts: HubParts): Promise<RunningHub> {
  const { clock, log } = parts;
  const database = await openHubDatabase(config, parts.environment);
  const onStopError = (service: string, error: unknown): void =>
    log.error({ service, error }, "a service did not stop cleanly");
  try {
    const settings = await objectStoreSettings(config.images, parts.environment);
    const objects = await openObjectStore(settings, clock.wallNow());
    const models = await openObjectStore(await modelStoreSettings(config, parts.environment), clock.wallNow());
    const server = await assembleServer(config, parts, { database, objects: objects.store, models: models.store });
    const started: RunningServices = await startServices(server.services, onStopError);
    const admin = await makeFirstAdmin(database, clock.wallNow());
    if (admin !== null) parts.onFirstAdmin?.(admin);
    log.info({ url: server.url(), database: database.engine, images: config.images.type }, "hub is up");
    return {
      url: server.url(),
      async stop() {
        await started.stop();
        objects.close();
        models.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

interface Foundation {
  readonly database: Database;
  readonly objects: ObjectStore;
  readonly models: ObjectStore;
}

interface Assembly {
  /** In the order of boot. */
  readonly services: readonly Service[];
  readonly url: () => string;
}

async function assembleServer(config: HubConfig, parts: HubParts, foundation: Foundation): Promise<Assembly> {
  const { clock, log } = parts;
  const { database, objects, models } = foundation;
  const { http, limits } = config;
  const https = http.publicUrl?.startsWith("https:") === true;
  const metrics = new HubMetrics();
  const usage = new DayUsage(database);
  const incomingFolder = join(config.dataDirectory, "incoming");
  const images = new ImageIntake({ database, objects, usage, clock, incomingFolder, limits });
  const cases = new CaseIntake({ database, usage, clock });
  const sessions: SessionParts = {
    ...{ database, clock, attempts: new SignInAttempts(clock) },
    ...{ sessionHours: config.sessionHours, secureCookies: https, signInsPerMinute: limits.signInsPerMinute },
  };
  const openId = await openIdClient(config, parts);
  const settings = await databaseSettings(config.database, parts.environment);
  const similar = new SimilarityIndex(settings, clock);
  const desk = new AnalysisDesk(database, clock);
  const onJobFault = (kind: string, error: unknown): void => log.error({ kind, error }, "a short job was not done");
  const handlers = { [SUSPICION_JOB]: suspicionHandler(database, desk) };
  const shortJobs = openShortJobs(settings, { ...SHORT_JOB_RETRIES, handlers, onFault: onJobFault }, clock);
  const suspicionAfterMs = config.analysis.suspicionAfterSeconds * 1000;
  const labelsChanged = (project: string): Promise<void> =>
    suspectLater(shortJobs, project, suspicionAfterMs).catch((error: unknown) => onJobFault(SUSPICION_JOB, error));
  const table = new LeaseTable(database, clock);
  const releases = await releaseParts(config, parts, foundation);
  const trainingRoutes = { database, models, table, clock, bases: config.training.bases };
  const installRoutes = async (api: Api): Promise<void> => {
    installHealthRoutes(api, { problems: () => problemsOf(foundation), metrics: () => metrics.text() });
    installIntakeRoutes(api, {
      ...{ database, clock, images, cases, watch: metrics },
      ...{ firstLimits: limits, enrolmentsPerMinute: limits.enrolmentsPerMinute },
    });
    installDeviceAdminRoutes(api, { database, clock });
    installProjectRoutes(api, { database, clock });
    installDatasetRoutes(api, { database, objects, clock });
    installTrainingRoutes(api, trainingRoutes);
    installJudgementRoutes(api, trainingRoutes);
    installReportRoutes(api, { database, clock });
    installFleetRoutes(api, { database, clock });
    installReleaseRoutes(api, { database, models, judgements: judgementsOn(database), desk: releases.desk, clock });
    installLoopRoutes(api, { database, table, judgements: judgementsOn(database) });
    installLineHealthRoutes(api, { database });
    await serveReleases(api, releases.desk);
    installSessionRoutes(api, sessions);
    installOpenIdRoutes(api, { ...sessions, openId });
    installUserRoutes(api, { database, clock });
    await installWorkbench(api, { database, images: objects, similar, desk, clock, labelsChanged });
  };
  const server = new HubServer(
    {
      ...{ database, version: VERSION, clock, log: log.child({ component: "http" }), installRoutes },
      onAnswer: (request) => metrics.requestAnswered(request),
    },
    { host: http.host, port: http.port, trustProxy: http.trustProxy, https },
  );
  const vitalSigns = service("metrics", { start: async () => metrics.start() });
  const tidy = service("sessions", { start: () => removeExpiredSessions(database, clock.wallNow()) });
  const reconciliation = new Reconciliation({
    database,
    store: objects,
    clock,
    log: log.child({ component: "images" }),
  });
  const imageIntake = service("image-intake", { start: () => images.start(), stop: () => images.stop() });
  const caseIntake = service("case-intake", { stop: () => cases.stop() });
  const training = trainingWorkers({
    ...{ database, images: objects, models, clock, settings: config.training },
    log: log.child({ component: "training" }),
  });
  return {
    services: [
      vitalSigns,
      tidy,
      imageIntake,
      caseIntake,
      similar,
      desk,
      shortJobs,
      server,
      reconciliation,
      ...training,
      ...releases.services,
    ],
    url: () => server.url,
  };
}

/** The release repository and who looks after it; nothing where the configuration names none. */
async function releaseParts(config: HubConfig, parts: HubParts, { database, models }: Foundation) {
  const { releases } = config;
  if (releases === null) return { desk: null, services: [] };
  const { clock, log, environment } = parts;
  const passphrase = releases.passphrase === undefined ? null : await readSecret(releases.passphrase, environment);
  const desk = new ReleaseDesk({ directory: releases.directory, keys: releases.keys, passphrase }, clock);
  const everyMs = releases.everySeconds * 1000;
  const keeper = new ReleaseKeeper({
    database,
    models,
    desk,
    clock,
    everyMs,
    log: log.child({ component: "releases" }),
  });
  return { desk, services: [keeper] };
}

async function openIdClient({ oidc, http }: HubConfig, { environment }: HubParts): Promise<OpenIdClient | null> {
  if (oidc === null || http.publicUrl === undefined) return null;
  const clientSecret = await readSecret(oidc.clientSecret, environment);
  return new OpenIdClient({ ...oidc, clientSecret, publicUrl: http.publicUrl });
}

const SHORT_JOB_RETRIES = { mostRetries: 3, firstPauseMs: 5000 };

const ANY_OBJECT = "0".repeat(64);

/** What keeps cases from being taken; both are asked on each call. */
async function problemsOf({ database, objects }: Foundation): Promise<string[]> {
  const problem = (what: string) => (error: unknown) => `${what} does not answer: ${messageOf(error)}`;
  const found = await Promise.all([
    database.query
      .selectFrom("projects")
      .select("id")
      .limit(1)
      .execute()
      .then(() => null, problem("the database")),
    objects.has(ANY_OBJECT).then(() => null, problem("the image store")),
  ]);
  return found.filter((sentence) => sentence !== null);
}

const service = (
  name: string,
  { start, stop }: { start?: () => Promise<void>; stop?: () => Promise<void> },
): Service => ({
  name,
  start: start ?? (async () => undefined),
  stop: stop ?? (async () => undefined),
});
