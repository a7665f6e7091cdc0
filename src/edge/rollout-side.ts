import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import type { ReleaseInState, ReleaseReport } from "../contracts/release-report.ts";
import type { Journal } from "../pipeline/journal/journal.ts";
import type { Uplink } from "../pipeline/uplink/uplink.ts";
import { toIso } from "../platform/clock.ts";
import { REFUSALS } from "../release/refusal.ts";
import { ReleaseClient } from "../release/release-client.ts";
import type { DeviceConfig, RecipeConfig } from "./device-config.ts";
import type { DeviceParts } from "./device-parts.ts";
import type { Inspection } from "./inspection.ts";
import { openEngine } from "./open-engine.ts";
import { openRecipe, withModel } from "./recipe.ts";
import type { ReleasesConfig } from "./releases-config.ts";
import { readSlot } from "./rollout/bundle-slot.ts";
import { composeReport, releaseInState, releaseSentence, type RolloutView } from "./rollout/compose-report.ts";
import { ReleaseWatch } from "./rollout/release-watch.ts";
import { startOrder } from "./rollout/rollout-state.ts";
import { RolloutStore } from "./rollout/rollout-store.ts";
import { Rollout } from "./rollout/rollout.ts";
import type { DeviceStatus } from "./status/device-view.ts";

/** Below the data directory. */
export const RELEASES_FOLDER = "releases";
/** What a model on trial has under way when it is taken off the line for being broken, ms. */
const STOP_GRACE_MS = 300;

/** What is known of models before any is loaded. */
export interface RolloutBeginning {
  readonly store: RolloutStore;
  readonly recipe: RecipeConfig;
  readonly modelPaths: (config: RecipeConfig) => readonly string[];
}

/** Undefined where no releases are looked for. Throws BUNDLE_INVALID where the configuration's bundle cannot be read. */
export async function beginRollout(config: DeviceConfig, parts: DeviceParts): Promise<RolloutBeginning | undefined> {
  const recipe = config.releases === null ? undefined : releasedRecipe(config, config.releases);
  if (recipe === undefined) return undefined;
  const store = new RolloutStore(
    join(config.dataDirectory, RELEASES_FOLDER),
    parts.log.child({ component: "rollout" }),
  );
  const since = toIso(parts.clock.wallNow());
  await store.open(() => readSlot(recipe.model, { release: null, stage: null, since }));
  const modelPaths = (each: RecipeConfig): readonly string[] =>
    each.name === recipe.name ? startOrder(store.state) : [each.model];
  return { store, recipe, modelPaths };
}

export const releasedRecipe = ({ recipes }: DeviceConfig, { recipe }: ReleasesConfig): RecipeConfig | undefined =>
  recipes.find(({ name }) => name === recipe) ?? recipes[0];

/** What is built where releases are configured. */
export const withReleases = <T>(
  config: DeviceConfig,
  build: (config: DeviceConfig & { readonly releases: ReleasesConfig }) => T,
): T | undefined => (config.releases === null ? undefined : build({ ...config, releases: config.releases }));

/** Tells what changed, at each call; the time of day alone is no change. */
export function reportReleases(side: RolloutSide | undefined, tell: (report: ReleaseReport) => void): () => void {
  let told = "";
  return () => {
    if (side === undefined) return;
    const { at, ...report } = side.report();
    const now = JSON.stringify(report);
    if (now === told) return;
    told = now;
    tell({ ...report, at });
  };
}

export interface RolloutContext {
  readonly beginning: RolloutBeginning;
  readonly inspection: Inspection;
  readonly journal: Journal;
  readonly uplink: Uplink | undefined;
  readonly onChange: () => void;
}

export interface RolloutSide {
  readonly rollout: Rollout;
  readonly watch: ReleaseWatch;
  report(): ReleaseReport;
  status(): NonNullable<DeviceStatus["release"]>;
  inState(): ReleaseInState;
  /** What a person must look at: somebody offered what nobody signed, or signatures have run out. */
  problem(): { readonly code: string; readonly sentence: string } | null;
}

export function assembleRollout(
  config: DeviceConfig & { readonly releases: ReleasesConfig },
  parts: DeviceParts,
  { beginning, inspection, journal, uplink, onChange }: RolloutContext,
): RolloutSide {
  const { clock, random } = parts;
  const { store, recipe } = beginning;
  const { releases } = config;
  const log = parts.log.child({ component: "rollout" });
  const deadlineMs = recipe.deadlineMs ?? config.trigger.deadlineMs;
  const { latencyP99Ms = deadlineMs / 2, ...limits } = releases.limits;
  const trialParts = releases.trial.parts;
  const shadowParts = releases.shadow.parts;
  const audit = (detail: Readonly<Record<string, unknown>>): Promise<void> =>
    journal.recordAudit({ at: toIso(clock.wallNow()), action: "release", verdictId: null, by: "releases", detail });
  const rollout = new Rollout(
    {
      ...{ recipe: recipe.name, attempts: releases.trial.attempts, deadlineMs },
      plan: { ...limits, latencyP99Ms, shadowParts, trialParts, trialMs: releases.trial.minutes * 60_000 },
    },
    {
      ...{ store, recipes: inspection.recipes, engine: inspection.engine, clock, log, audit, onChange },
      openEngine: (purpose) =>
        openEngine({
          ...config.inference,
          ...(purpose === "shadow" ? { processes: 1, threadsPerProcess: 1, niceness: releases.shadow.niceness } : {}),
          ...{ stopGraceMs: STOP_GRACE_MS, clock, log: parts.log },
        }),
      openRecipe: (path) => openRecipe(withModel(recipe, path), config.trigger.deadlineMs),
      isIdle: () => inspection.line.pending === 0,
      onDisagreement: (id, candidate) => uplink?.disagreed(id, candidate),
      keepOnly: (paths) => watch.keepOnly(paths),
    },
  );
  const watch = new ReleaseWatch({
    openClient: (onProgress) => openClient(config, parts, { inspection, onProgress }),
    ...{ product: releases.product, pollMs: releases.pollSeconds * 1000, clock, random, log, onChange },
    onInstalled: (ordered) => rollout.take(ordered),
  });
  const view = (): RolloutView => {
    const { state, candidate } = rollout;
    return { state, candidate, downloading: watch.downloading, product: releases.product, shadowParts, trialParts };
  };
  const report = (): ReleaseReport => composeReport(view(), { device: config.device, at: toIso(clock.wallNow()) });
  return {
    rollout,
    watch,
    report,
    status: () => {
      const said = report();
      const { active, candidate, last } = said;
      const sentence = releaseSentence(said, rollout.state.current.since);
      return { active, candidate, last, sentence, refusal: watch.refusal };
    },
    inState: () => releaseInState(view()),
    problem: () => problemOf(watch),
  };
}

function problemOf({ refusal }: ReleaseWatch): { code: string; sentence: string } | null {
  if (refusal === null) return null;
  const needsPerson = refusal.code === "ROOTS_UNREADABLE" || REFUSALS[refusal.code].attack;
  return needsPerson ? { code: "release-refused", sentence: refusal.sentence } : null;
}

/** Throws CONFIG_INVALID where a trusted root cannot be read. */
export async function openClient(
  config: DeviceConfig & { readonly releases: ReleasesConfig },
  { clock }: Pick<DeviceParts, "clock">,
  at: {
    readonly inspection?: Pick<Inspection, "clockWatch">;
    readonly onProgress?: (done: number, total: number) => void;
    readonly directoryPath?: string;
    readonly maxBundleBytes?: number;
  } = {},
): Promise<ReleaseClient> {
  const { releases, device, dataDirectory } = config;
  const { clockWatch } = at.inspection ?? {};
  return new ReleaseClient({
    ...{ clock, url: releases.url, device, line: lineOf(config) },
    directoryPath: at.directoryPath ?? join(dataDirectory, RELEASES_FOLDER),
    birthRoots: { catalogue: await readRoot(releases.catalogueRoot), director: await readRoot(releases.directorRoot) },
    ...(clockWatch === undefined ? {} : { clockSynced: () => clockWatch.synced }),
    ...(at.maxBundleBytes === undefined ? {} : { maxBundleBytes: at.maxBundleBytes }),
    ...(at.onProgress === undefined ? {} : { onProgress: at.onProgress }),
  });
}

/** As orders name it; the configuration was refused without any. */
export const lineOf = ({ releases, mqtt, hub }: DeviceConfig): string =>
  releases?.line ?? mqtt?.root ?? hub?.line ?? "";

const readRoot = (path: string): Promise<Buffer> =>
  readFile(path).catch((error: unknown) => {
    throw new SightlineError(
      "CONFIG_INVALID",
      `the trusted root ${path} cannot be read; copy 1.root.json of the repository there`,
      { cause: error },
    );
  });
