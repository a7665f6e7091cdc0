import { join } from "node:path";
import type { DeviceConfig } from "../../edge/device-config.ts";
import { HubConfig } from "../../edge/hub-config.ts";
import { ReleasesConfig } from "../../edge/releases-config.ts";
import { CaseOptions } from "../../pipeline/uplink/uplink-options.ts";
import { LINE, PROJECT } from "./demo-hub.ts";
import type { DemoReleases } from "./demo-releases.ts";

/** The simulated line of the loop: faster and worse than a real one, so that the loop turns in minutes. */
const PARTS_PER_SECOND = 6;
const DEFECT_RATE = 0.3;
/** Frames from which the device learns what is usual. */
const REFERENCE_FRAMES = 200;
/** A real line sends one to five in a hundred. */
const AUDIT_SHARE = 0.8;
export const SHADOW_PARTS = 60;
const TRIAL_PARTS = 80;
const DEADLINE_MS = 4000;

/** Parts from the first trace of the dust to all of it. */
export const RAMP_PARTS = 30;
/** Dust settles on the window before the lens, and stray light on it takes some contrast. */
const DUST = { rampParts: RAMP_PARTS, lampLoss: 0, contrastLoss: 0.2, blurPx: 0, dustSpots: 14 };
/** The first part that shows it: the device has learnt the line by then, and some parts show how well it does. */
export const DRIFT_FROM_PART = 400;

export interface DemoPlaces {
  readonly dataDirectory: string;
  readonly brokerUrl: string;
  readonly hubUrl: string;
  readonly host: string;
  readonly port: number;
}

/** The simulated profile, moved into the demonstration's folder and onto its broker and hub. */
export function demoDevice(profile: DeviceConfig, places: DemoPlaces): DeviceConfig {
  const mqtt = profile.mqtt === null ? null : { ...profile.mqtt, url: places.brokerUrl };
  const hub = { ...HubConfig.parse({}), url: places.hubUrl };
  const http = { ...profile.http, host: places.host, port: places.port };
  return { ...profile, dataDirectory: places.dataDirectory, mqtt, hub, http };
}

/** The same device on the loop's line. `hasTurned`: the dust is there from the first part on, and the model knows it. */
export function loopDevice(config: DeviceConfig, releases: DemoReleases, hasTurned: boolean): DeviceConfig {
  const { camera, hub } = config;
  if (camera.type !== "simulated" || hub === null) throw new Error("the loop needs the simulated line and a hub");
  const drift = {
    ...DUST,
    from: { part: hasTurned ? 0 : DRIFT_FROM_PART },
    ...(hasTurned ? { rampParts: 0 } : {}),
  };
  return {
    ...config,
    camera: { ...camera, partsPerSecond: PARTS_PER_SECOND, defectRate: DEFECT_RATE, drift },
    trigger: { ...config.trigger, deadlineMs: DEADLINE_MS },
    drift: { ...config.drift, referenceFrames: REFERENCE_FRAMES },
    hub: { ...hub, cases: CaseOptions.parse({ auditShare: AUDIT_SHARE, mostPerMinute: 600 }) },
    releases: ReleasesConfig.parse({
      ...{ url: `${hub.url}/releases`, product: PROJECT, line: LINE, pollSeconds: 2 },
      ...{ catalogueRoot: releases.root("catalogue"), directorRoot: releases.root("director") },
      shadow: { parts: SHADOW_PARTS, niceness: 5 },
      trial: { parts: TRIAL_PARTS, minutes: 0.1 },
      // The machine of a demonstration may be busy with anything. And the candidate is meant to judge otherwise: it knows the dust that the model before it takes for defects.
      limits: {
        disagreementShare: 0.9,
        missedShare: 1,
        falseAlarm: 1e-6,
        latencyP99Ms: 0.8 * DEADLINE_MS,
        faults: 50,
      },
    }),
  };
}

/** Slow: it is there to get the model that the first station has tried. */
const SECOND_PARTS_PER_SECOND = 2;
const SECOND_TRIAL_PARTS = 20;
const SECOND_SEED = 2;

/**
 * A second station with a clean window, for the roll-out to reach after the canary: `loopDevice`'s, at another place. It
 * sends no cases, or the simulator would have to say of every part which station saw it.
 */
export function secondStation(first: DeviceConfig, dataDirectory: string): DeviceConfig {
  const { camera, hub, releases } = first;
  if (camera.type !== "simulated" || hub === null || releases === null) {
    throw new Error("the second station needs the loop's first one");
  }
  return {
    ...first,
    device: "station-2",
    dataDirectory,
    camera: { ...camera, seed: SECOND_SEED, partsPerSecond: SECOND_PARTS_PER_SECOND, drift: null },
    http: { ...first.http, port: 0 },
    hub: { ...hub, cases: CaseOptions.parse({ reasons: [] }) },
    releases: { ...releases, trial: { ...releases.trial, parts: SECOND_TRIAL_PARTS } },
  };
}

export const demoDirectory = (root: string): string => join(root, "data", "demo");
