import { join } from "node:path";
import type { DriftAlarm } from "../contracts/drift-alarm.ts";
import type { Journal } from "../pipeline/journal/journal.ts";
import type { Uplink } from "../pipeline/uplink/uplink.ts";
import { toIso } from "../platform/clock.ts";
import type { DeviceConfig } from "./device-config.ts";
import type { DeviceParts } from "./device-parts.ts";
import type { BesidePart } from "./line.ts";
import type { Recipe } from "./recipe.ts";
import { type CertificateStanding, certificateStanding } from "./watch/certificate-standing.ts";
import { DriftWatch } from "./watch/drift-watch.ts";
import { StationFiles } from "./watch/station-files.ts";

/** Below the data directory. */
const DRIFT_FOLDER = "drift";
const HUB_PATH = "/api/v1/device/drift";

export interface DriftSide {
  readonly watch: DriftWatch;
  observe(part: BesidePart): void;
  /** Of the active recipe. */
  certificate(): CertificateStanding | null;
  problem(): { readonly code: string; readonly sentence: string } | null;
}

export interface DriftContext {
  readonly journal: Journal;
  readonly uplink: Pick<Uplink, "report"> | undefined;
  readonly activeRecipe: () => Recipe | undefined;
}

export function assembleDrift(
  config: DeviceConfig,
  { clock, log: deviceLog }: DeviceParts,
  { journal, uplink, activeRecipe }: DriftContext,
): DriftSide {
  const log = deviceLog.child({ component: "drift" });
  const watch = new DriftWatch({
    ...{ device: config.device, config: config.drift, clock, log, activeRecipe },
    files: new StationFiles(join(config.dataDirectory, DRIFT_FOLDER), log),
    audit: (by, detail) =>
      journal.recordAudit({ at: toIso(clock.wallNow()), action: "drift", verdictId: null, by, detail }),
    onAlarm: (alarm: DriftAlarm) => uplink?.report(HUB_PATH, alarm),
  });
  return {
    watch,
    observe: (part) => observe(watch, part),
    certificate: () => {
      const recipe = activeRecipe();
      return recipe === undefined ? null : certificateStanding(recipe, watch.status().alarms);
    },
    problem: () => {
      const { state, sentence } = watch.status();
      return state === "alarm" ? { code: "drift", sentence } : null;
    },
  };
}

/** A part that was not inspected says so by its fault; only the others tell how the line looks. */
function observe(watch: DriftWatch, { verdict, image, recipe, statistics, embedding }: BesidePart): void {
  if (verdict.verdict === "fault" || image === null || statistics === undefined) return;
  const { meanLuminance: brightness, darkShare, brightShare, sharpness } = statistics;
  const confidence = Math.max(0, ...Object.values(verdict.scores));
  const plain = { brightness, darkShare, brightShare, sharpness, ngScore: verdict.score, confidence };
  const hasEmbedding = embedding !== null && embedding.length > 0;
  watch.observe({ recipe, image, observation: { ...plain, embedding: hasEmbedding ? embedding : null } });
}
