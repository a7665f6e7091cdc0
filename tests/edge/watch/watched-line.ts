import { onTestFinished } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DriftAlarm } from "../../../src/contracts/drift-alarm.ts";
import type { BundleManifest } from "../../../src/contracts/model-bundle.ts";
import type { DriftObservation } from "../../../src/drift/observation.ts";
import { DriftConfig } from "../../../src/edge/watch/drift-config.ts";
import { DriftWatch } from "../../../src/edge/watch/drift-watch.ts";
import { StationFiles } from "../../../src/edge/watch/station-files.ts";
import type { Recipe } from "../../../src/edge/recipe.ts";
import { frameStatistics } from "../../../src/imaging/frame-statistics.ts";
import type { Image } from "../../../src/imaging/image.ts";
import { SanityLimits } from "../../../src/pipeline/sanity/sanity-gate.ts";
import { systemClock as clock } from "../../../src/platform/clock.ts";
import { silentLogger as log } from "../../../src/platform/logger.ts";
import { DEFAULT_LINE, type LineDrift } from "../../../src/simulation/line-settings.ts";
import { renderPart } from "../../../src/simulation/render-part.ts";

export const SHA256 = "ab".repeat(32);

export function recipeWith(manifest: Partial<BundleManifest> = {}): Recipe {
  return {
    name: "tiles",
    bundle: {
      directoryPath: "",
      modelSha256: SHA256,
      manifest: {
        ...{ name: "tiny", version: "1.0.0", driftBaseline: null, certificate: null },
        ...{ decision: { temperature: 1, passBelow: 0.2, rejectFrom: 0.7 } },
        ...manifest,
      } as BundleManifest, // all that the watch reads
    },
    classes: [],
    regions: { mode: "full" },
    rules: { passBelow: 0.2, rejectFrom: 0.7 },
    sanity: SanityLimits.parse({}),
    reference: undefined,
    deadlineMs: 150,
  };
}

export interface OpenWatch {
  readonly watch: DriftWatch;
  readonly alarms: DriftAlarm[];
  readonly audits: { by: string; detail: Readonly<Record<string, unknown>> }[];
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sightline-drift-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A device's drift watch with its files in `folder`. */
export function openWatch(folder: string, recipe: Recipe, config: Partial<DriftConfig> = {}): OpenWatch {
  const alarms: DriftAlarm[] = [];
  const audits: OpenWatch["audits"] = [];
  const watch = new DriftWatch({
    ...{ device: "station-1", config: DriftConfig.parse(config), clock, log, activeRecipe: () => recipe },
    files: new StationFiles(folder, log),
    audit: async (by, detail) => void audits.push({ by, detail }),
    onAlarm: (alarm) => alarms.push(alarm),
  });
  return { watch, alarms, audits };
}

const SMALL = { ...DEFAULT_LINE, widthPx: 96, heightPx: 112 };

/** Part `index` of the simulated line as the sanity gate measures it; the model scores by chance. */
export function simulatedFrame(
  index: number,
  drift: LineDrift | null,
): { readonly image: Image; readonly observation: DriftObservation } {
  const { image } = renderPart({ ...SMALL, drift }, index);
  const { meanLuminance: brightness, darkShare, brightShare, sharpness } = frameStatistics(image, { thumbnail: false });
  const ngScore = ((index * 7919) % 1009) / 1009;
  const plain = { brightness, darkShare, brightShare, sharpness, ngScore, confidence: Math.max(ngScore, 1 - ngScore) };
  return { image, observation: { ...plain, embedding: null } };
}

/** Lets the watch work through what it was shown: it takes frames after the turn in which they come. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
