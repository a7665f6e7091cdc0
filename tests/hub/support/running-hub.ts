import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { HubConfig, parseHubConfig } from "../../../src/hub/hub-config.ts";
import { startHub, type RunningHub } from "../../../src/hub/hub.ts";
import { hashPassword } from "../../../src/hub/people/password.ts";
import type { Role } from "../../../src/hub/people/roles.ts";
import { openDatabase, type Database } from "../../../src/hub/store/database.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";

export const PASSWORD = "correct horse battery";
export const PROJECT = "tiles";

/** Fast to check; the hub's own cost would take most of a test's time. */
const CHEAP = { memoryKib: 64, passes: 1, lanes: 1 };

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sightline-hub-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A hub in this process, on SQLite and a folder, with one user of each role (named like it) and one project. */
export class HubUnderTest {
  readonly folder: string;
  readonly database: Database;
  readonly hub: RunningHub;

  private constructor(folder: string, database: Database, hub: RunningHub) {
    this.folder = folder;
    this.database = database;
    this.hub = hub;
  }

  static async start(overrides: object = {}): Promise<HubUnderTest> {
    const folder = temporaryFolder();
    const written = { dataDirectory: "data", http: { port: 0 }, ...overrides };
    const config: HubConfig = parseHubConfig(JSON.stringify(written), join(folder, "hub.yaml"));
    const path = join(folder, "data", "hub.sqlite");
    const hub = await startHubWithPeople(config, path);
    const database = await openDatabase({ engine: "sqlite", path });
    onTestFinished(async () => {
      await hub.stop();
      await database.close();
    });
    return new HubUnderTest(folder, database, hub);
  }

  get url(): string {
    return this.hub.url;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, init);
  }

  async signIn(role: Role): Promise<Browser> {
    const response = await this.fetch("/api/v1/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: role, password: PASSWORD }),
    });
    if (response.status !== 200) throw new Error(`sign-in answered ${response.status}: ${await response.text()}`);
    const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
    const { csrfToken } = (await response.json()) as { csrfToken: string };
    return new Browser(this.url, cookie, csrfToken);
  }

  /** A device with a credential of its own. */
  async enrol(device: string, project = PROJECT): Promise<Sender> {
    const engineer = await this.signIn("engineer");
    const made = await engineer.send("POST", "/api/v1/devices/codes", { device, project, line: "line1" });
    const { code } = (await made.json()) as { code: string };
    const response = await this.fetch("/api/v1/enrol", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
    });
    const { credential } = (await response.json()) as { credential: string };
    return new Sender(this.url, device, credential);
  }
}

async function startHubWithPeople(config: HubConfig, path: string): Promise<RunningHub> {
  const { mkdir } = await import("node:fs/promises");
  await mkdir(config.dataDirectory, { recursive: true });
  const database = await openDatabase({ engine: "sqlite", path });
  await addPeople(database);
  await database.close();
  return startHub(config, { clock: systemClock, log: silentLogger, environment: {} });
}

export async function addPeople(database: Database): Promise<void> {
  const password_hash = await hashPassword(PASSWORD, CHEAP);
  for (const role of ["viewer", "labeller", "engineer", "admin"]) {
    await database.query.insertInto("users").values({ name: role, role, password_hash, created_at: 1 }).execute();
  }
  await database.query
    .insertInto("projects")
    .values({
      ...{ id: PROJECT, name: "Tiles", problem: "", classes_json: "[]", max_escape: 0.01, max_overkill: 0.05 },
      ...{ confidence: 0.95, takt_ms: 0, parts_per_day: 0, defect_rate: 0, escape_cost: 0, overkill_cost: 0 },
      ...{ currency: "EUR", created_at: 1 },
    })
    .execute();
}

/** Somebody at the workbench: the session's cookie and CSRF token go with every request. */
export class Browser {
  readonly #url: string;
  readonly cookie: string;
  readonly csrfToken: string;

  constructor(url: string, cookie: string, csrfToken: string) {
    this.#url = url;
    this.cookie = cookie;
    this.csrfToken = csrfToken;
  }

  get(path: string): Promise<Response> {
    return fetch(this.#url + path, { headers: { cookie: this.cookie } });
  }

  send(method: string, path: string, body?: object): Promise<Response> {
    const headers = { cookie: this.cookie, "x-csrf-token": this.csrfToken };
    if (body === undefined) return fetch(this.#url + path, { method, headers });
    return fetch(this.#url + path, {
      method,
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** A device's side of the hub's interface, request by request. */
export class Sender {
  readonly url: string;
  readonly device: string;
  readonly credential: string;

  constructor(url: string, device: string, credential: string) {
    this.url = url;
    this.device = device;
    this.credential = credential;
  }

  #headers(contentType: string): Record<string, string> {
    return { authorization: `Bearer ${this.credential}`, "content-type": contentType };
  }

  headImage(sha256: string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.credential}` };
    return fetch(`${this.url}/api/v1/images/${sha256}`, { method: "HEAD", headers });
  }

  putImage(bytes: Uint8Array, { sha256 = sha256Of(bytes), mediaType = "image/jpeg" } = {}): Promise<Response> {
    return fetch(`${this.url}/api/v1/images/${sha256}`, {
      method: "PUT",
      headers: this.#headers(mediaType),
      body: new Uint8Array(bytes),
    });
  }

  putCase(body: { readonly verdict: { readonly id: string } }, id = body.verdict.id): Promise<Response> {
    return fetch(`${this.url}/api/v1/cases/${id}`, {
      method: "PUT",
      headers: this.#headers("application/json"),
      body: JSON.stringify(body),
    });
  }

  postVerdicts(verdicts: readonly object[], lost: readonly object[] = []): Promise<Response> {
    return fetch(`${this.url}/api/v1/verdicts`, {
      method: "POST",
      headers: this.#headers("application/json"),
      body: JSON.stringify({ schema: 1, verdicts, lost }),
    });
  }

  orders(): Promise<Response> {
    return fetch(`${this.url}/api/v1/device/orders`, { headers: { authorization: `Bearer ${this.credential}` } });
  }
}

export async function errorOf(response: Response): Promise<{ status: number; code: string; message: string }> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, ...error };
}
