import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type HubConfig, parseHubConfig } from "../../hub/hub-config.ts";
import { openHubDatabase, type RunningHub, startHub } from "../../hub/hub.ts";
import { makeEnrolmentCode } from "../../hub/intake/enrol-device.ts";
import { createUser } from "../../hub/people/accounts.ts";
import { createProject, NewProject } from "../../hub/projects/projects.ts";
import { credentialPath, readCredential, writeCredential } from "../../pipeline/uplink/credential.ts";
import { enrol } from "../../pipeline/uplink/enrol.ts";
import type { Clock } from "../../platform/clock.ts";
import { writeDurably } from "../../platform/durable-file.ts";
import type { Logger } from "../../platform/logger.ts";
import { DEFECT_CLASSES } from "../../simulation/line-settings.ts";

/** The one person of the demonstration. */
export interface DemoPerson {
  readonly name: string;
  readonly password: string;
}

export interface DemoHub extends RunningHub {
  readonly person: DemoPerson;
}

export interface DemoHubParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly environment: NodeJS.ProcessEnv;
}

const PROJECT = "magnet-tiles";
const LINE = "line1";
const USER = "demo";
const PASSWORD_BYTES = 9;
const OWNER_ONLY = 0o600;

/** A hub on SQLite and a folder, with a project and an engineer; nothing is lost from one demonstration to the next. */
export async function startDemoHub(directory: string, port: number, parts: DemoHubParts): Promise<DemoHub> {
  const dataDirectory = join(directory, "hub");
  await mkdir(dataDirectory, { recursive: true });
  const config = demoHubConfig(dataDirectory, port);
  const person = { name: USER, password: await keptPassword(join(dataDirectory, "demo-password")) };
  await prepare(config, person, parts);
  const hub = await startHub(config, parts);
  return { ...hub, person };
}

const demoHubConfig = (dataDirectory: string, port: number): HubConfig =>
  parseHubConfig(JSON.stringify({ dataDirectory, http: { port } }), join(dataDirectory, "hub.yaml"));

async function keptPassword(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch {
    const password = randomBytes(PASSWORD_BYTES).toString("base64url");
    await writeDurably(path, `${password}\n`, OWNER_ONLY);
    return password;
  }
}

async function prepare(config: HubConfig, person: DemoPerson, { clock, environment }: DemoHubParts): Promise<void> {
  const database = await openHubDatabase(config, environment);
  const act = { by: "demo", at: clock.wallNow() };
  try {
    await createUser(database, { ...person, role: "admin" }, act);
    const project = NewProject.parse({
      id: PROJECT,
      name: "Magnet tiles",
      problem: "Ferrite tiles leave the press with cracks, chips and holes; no defective tile may reach the motor.",
      classes: [{ name: "free", kind: "good" }, ...DEFECT_CLASSES.map((name) => ({ name, kind: "defect" as const }))],
      ...{ taktMs: 200, partsPerDay: 200_000, defectRate: 0.1, escapeCost: 40, overkillCost: 0.5 },
    });
    await createProject(database, project, act);
  } finally {
    await database.close();
  }
}

/** Makes the device known to the hub, unless it is already. */
export async function enrolDemoDevice(
  hub: RunningHub,
  device: { readonly name: string; readonly dataDirectory: string },
  directory: string,
  parts: DemoHubParts,
): Promise<void> {
  const path = credentialPath(device.dataDirectory);
  const known = await readCredential(path);
  if (known !== null) {
    // The port may be another one today.
    if (known.hub !== hub.url) await writeCredential(path, { ...known, hub: hub.url });
    return;
  }
  const database = await openHubDatabase(demoHubConfig(join(directory, "hub"), 0), parts.environment);
  try {
    const wanted = { device: device.name, project: PROJECT, line: LINE, hours: 1 };
    const { code } = await makeEnrolmentCode(database, wanted, { by: "demo", at: parts.clock.wallNow() });
    await writeCredential(path, await enrol({ url: hub.url }, code, device.name, parts.clock));
  } finally {
    await database.close();
  }
}
