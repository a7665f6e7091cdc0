import { randomBytes } from "node:crypto";
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type HubConfig, parseHubConfig } from "../../hub/hub-config.ts";
import { openHubDatabase, type RunningHub, startHub } from "../../hub/hub.ts";
import { addModelToHub } from "../../hub/hub-worker.ts";
import { makeEnrolmentCode } from "../../hub/intake/enrol-device.ts";
import { activeModel } from "../../hub/models/model-versions.ts";
import { createUser } from "../../hub/people/accounts.ts";
import { createProject, NewProject } from "../../hub/projects/projects.ts";
import { openBundle } from "../../pipeline/infer/open-bundle.ts";
import { credentialPath, readCredential, writeCredential } from "../../pipeline/uplink/credential.ts";
import { enrol } from "../../pipeline/uplink/enrol.ts";
import type { Clock } from "../../platform/clock.ts";
import { writeDurably } from "../../platform/durable-file.ts";
import type { Logger } from "../../platform/logger.ts";
import { DEFECT_CLASSES } from "../../simulation/line-settings.ts";
import type { DemoReleases } from "./demo-releases.ts";

/** The one person of the demonstration. */
export interface DemoPerson {
  readonly name: string;
  readonly password: string;
}

export interface DemoHub extends RunningHub {
  readonly person: DemoPerson;
  readonly simulator: DemoPerson;
  /** Side of the shipped model's input; a head on it is trained on pictures of this size. */
  readonly inputPx: number;
}

export interface DemoHubPlaces {
  /** Of the demonstration. */
  readonly directory: string;
  readonly port: number;
  /** The bundle that devices run at first. */
  readonly model: string;
  readonly releases: DemoReleases;
}

export interface DemoHubParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly environment: NodeJS.ProcessEnv;
}

export const PROJECT = "magnet-tiles";
export const LINE = "line1";
/** The shipped model without its head: what the loop trains a new head on. */
export const BASE = "tile-surface.onnx";
/** Labels by this name come from the simulator, not from a person. */
const SIMULATOR = "simulator-ground-truth";
const USER = "demo";
const PASSWORD_BYTES = 9;
const OWNER_ONLY = 0o600;

/** A hub on SQLite and folders, with a project, its active model, two accounts and a release repository. */
export async function startDemoHub(places: DemoHubPlaces, parts: DemoHubParts): Promise<DemoHub> {
  const dataDirectory = join(places.directory, "hub");
  await mkdir(dataDirectory, { recursive: true });
  await places.releases.prepare(PROJECT, parts.clock.wallNow());
  const bases = join(dataDirectory, "bases");
  await mkdir(bases, { recursive: true });
  await cp(join(places.model, "model.onnx"), join(bases, BASE));
  const config = demoHubConfig(places);
  const person = { name: USER, password: await keptPassword(join(dataDirectory, "demo-password")) };
  const simulator = { name: SIMULATOR, password: await keptPassword(join(dataDirectory, "simulator-password")) };
  await prepare(config, places, { person, simulator }, parts);
  const { manifest } = await openBundle(places.model);
  const hub = await startHub(config, parts);
  return { ...hub, person, simulator, inputPx: manifest.input.width };
}

function demoHubConfig({ directory, port, releases }: Omit<DemoHubPlaces, "model">): HubConfig {
  const dataDirectory = join(directory, "hub");
  const settings = {
    dataDirectory,
    http: { port },
    training: { bases: join(dataDirectory, "bases") },
    releases: { directory: releases.directory, keys: releases.hubKeys, everySeconds: 2 },
  };
  return parseHubConfig(JSON.stringify(settings), join(dataDirectory, "hub.yaml"));
}

async function keptPassword(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch {
    const password = randomBytes(PASSWORD_BYTES).toString("base64url");
    await writeDurably(path, `${password}\n`, OWNER_ONLY);
    return password;
  }
}

async function prepare(
  config: HubConfig,
  { model }: Pick<DemoHubPlaces, "model">,
  people: { readonly person: DemoPerson; readonly simulator: DemoPerson },
  { clock, environment }: DemoHubParts,
): Promise<void> {
  const database = await openHubDatabase(config, environment);
  const act = { by: "demo", at: clock.wallNow() };
  let hasModel = false;
  try {
    await createUser(database, { ...people.person, role: "admin" }, act);
    await createUser(database, { ...people.simulator, role: "labeller" }, act);
    const project = NewProject.parse({
      id: PROJECT,
      name: "Magnet tiles",
      problem: "Ferrite tiles leave the press with cracks, chips and holes; no defective tile may reach the motor.",
      classes: [{ name: "free", kind: "good" }, ...DEFECT_CLASSES.map((name) => ({ name, kind: "defect" as const }))],
      ...{ taktMs: 200, partsPerDay: 200_000, defectRate: 0.1, escapeCost: 40, overkillCost: 0.5 },
    });
    await createProject(database, project, act);
    hasModel = (await activeModel(database, PROJECT)) !== null;
  } finally {
    await database.close();
  }
  if (!hasModel) await addModelToHub(config, { project: PROJECT, folder: model, active: true }, environment);
}

/** Makes the device known to the hub, unless it is already. */
export async function enrolDemoDevice(
  hub: RunningHub,
  device: { readonly name: string; readonly dataDirectory: string },
  places: DemoHubPlaces,
  parts: DemoHubParts,
): Promise<void> {
  const path = credentialPath(device.dataDirectory);
  const known = await readCredential(path);
  if (known !== null) {
    // The port may be another one today.
    if (known.hub !== hub.url) await writeCredential(path, { ...known, hub: hub.url });
    return;
  }
  const database = await openHubDatabase(demoHubConfig(places), parts.environment);
  try {
    const wanted = { device: device.name, project: PROJECT, line: LINE, hours: 1 };
    const { code } = await makeEnrolmentCode(database, wanted, { by: "demo", at: parts.clock.wallNow() });
    await writeCredential(path, await enrol({ url: hub.url }, code, device.name, parts.clock));
  } finally {
    await database.close();
  }
}
