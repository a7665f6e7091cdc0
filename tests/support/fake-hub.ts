import { hash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import {
  HardCaseUpload,
  VerdictBatch,
  type DeviceOrders,
  type LostCase,
  type VerdictBatchReply,
} from "../../src/contracts/hub-case.ts";
import type { ImageStatistics } from "../../src/contracts/image-statistics.ts";
import type { Verdict } from "../../src/contracts/verdict.ts";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly atMs: number;
  readonly bytes: number;
  readonly status: number;
}

/** An answer that takes the place of the hub's own; `drop` cuts the connection without one. */
export type Interference =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | { readonly drop: true }
  | { readonly dropAfter: true };

/** A hub that keeps in memory what it gets, and does as the test tells it. Real HTTP on a port of the system's choice. */
export class FakeHub {
  readonly images = new Map<string, Buffer>();
  readonly cases = new Map<string, HardCaseUpload>();
  /** Every PUT of a case that was taken, repeated ones too. */
  readonly arrivals: string[] = [];
  /** By `bootSeq/verdictSeq`. */
  readonly verdicts = new Map<string, Verdict>();
  /** By the verdict's id, as they came first; null where the batch said so. */
  readonly statistics = new Map<string, ImageStatistics | null>();
  /** False: a hub of an earlier version, which takes no batch that has them. */
  knowsStatistics = true;
  /** The newest of each path below /api/v1/device/. */
  readonly reports = new Map<string, unknown>();
  readonly lost = new Map<string, LostCase>();
  readonly requests: SeenRequest[] = [];
  readonly codes = new Map<string, string>();
  credential = "credential-of-station-1";
  orders: DeviceOrders = { schema: 1, rules: [], limits: { dailyCases: 1_000_000, dailyBytes: 1e12 } };
  /** Asked before the hub answers; undefined: it answers by itself. */
  interfere: (method: string, path: string) => Interference | undefined = () => undefined;
  /** Says of images it does not have that it has them. */
  claimsImages = false;
  changeBatchReply: (reply: VerdictBatchReply) => unknown = (reply) => reply;
  delayMs = 0;
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    await hub.listen();
    onTestFinished(() => hub.stop());
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The first time anywhere, after a `stop` where it was. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port; // it listens on TCP
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  count(method: string, path: RegExp): number {
    return this.requests.filter((seen) => seen.method === method && path.test(seen.path)).length;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "" } = request;
    const disturbance = this.interfere(method, path);
    if (disturbance !== undefined && "drop" in disturbance) return void request.socket.destroy();
    const body = await buffer(request);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    const own =
      disturbance !== undefined && "status" in disturbance ? disturbance : this.#own(method, path, request, body);
    this.requests.push({ method, path, atMs: Date.now(), bytes: body.length, status: own.status });
    if (disturbance !== undefined && "dropAfter" in disturbance) return void request.socket.destroy();
    const text = method === "HEAD" || own.status === 204 ? "" : JSON.stringify(own.body ?? {});
    response.writeHead(own.status, { "content-type": "application/json", ...own.headers }).end(text);
  }

  #own(
    method: string,
    path: string,
    request: IncomingMessage,
    body: Buffer,
  ): { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> } {
    if (path === "/api/v1/enrol") return this.#enrol(body);
    if (request.headers.authorization !== `Bearer ${this.credential}`) return refuse(401, "This device is not known.");
    const image = /^\/api\/v1\/images\/([0-9a-f]{64})$/.exec(path)?.[1];
    if (image !== undefined && method === "HEAD")
      return { status: this.claimsImages || this.images.has(image) ? 200 : 404 };
    if (image !== undefined) return this.#putImage(image, body);
    if (path.startsWith("/api/v1/cases/")) return this.#putCase(path.slice("/api/v1/cases/".length), body);
    if (path === "/api/v1/verdicts") return this.#putVerdicts(body);
    if (path === "/api/v1/device/orders") return { status: 200, body: this.orders };
    if (method === "PUT" && path.startsWith("/api/v1/device/")) {
      this.reports.set(path, JSON.parse(body.toString()));
      return { status: 204 };
    }
    return refuse(404, "There is nothing here.");
  }

  #enrol(body: Buffer): { readonly status: number; readonly body?: unknown } {
    const { code } = JSON.parse(body.toString()) as { code: string };
    const device = this.codes.get(code);
    if (device === undefined) return refuse(400, "The code is not valid.");
    this.codes.delete(code);
    return { status: 200, body: { device, project: "tiles", line: "hall-2/line-4", credential: this.credential } };
  }

  #putImage(sha256: string, body: Buffer): { readonly status: number; readonly body?: unknown } {
    if (hash("sha256", body) !== sha256) return refuse(422, "The image is not what its name says.");
    const known = this.images.has(sha256);
    this.images.set(sha256, body);
    return { status: known ? 200 : 201, body: { stored: known ? "known" : "new" } };
  }

  #putCase(id: string, body: Buffer): { readonly status: number; readonly body?: unknown } {
    const parsed = HardCaseUpload.safeParse(JSON.parse(body.toString()));
    if (!parsed.success) return refuse(400, parsed.error.message);
    if (!this.images.has(parsed.data.image.sha256)) return refuse(409, "Send the image first.");
    const known = this.cases.get(id);
    this.arrivals.push(id);
    this.cases.set(id, parsed.data);
    return { status: known === undefined ? 201 : 200, body: { stored: known === undefined ? "new" : "known" } };
  }

  #putVerdicts(body: Buffer): { readonly status: number; readonly body?: unknown } {
    const parsed = VerdictBatch.safeParse(JSON.parse(body.toString()));
    if (!parsed.success) return refuse(400, parsed.error.message);
    const { statistics } = parsed.data;
    if (!this.knowsStatistics && statistics !== undefined) return refuse(400, 'Unrecognized key: "statistics"');
    for (const [at, { id }] of parsed.data.verdicts.entries())
      if (statistics !== undefined && !this.statistics.has(id)) this.statistics.set(id, statistics[at] ?? null);
    let stored = 0;
    for (const verdict of parsed.data.verdicts) {
      const key = `${verdict.bootSeq}/${verdict.verdictSeq}`;
      if (!this.verdicts.has(key)) stored++;
      this.verdicts.set(key, verdict);
    }
    for (const lost of parsed.data.lost ?? []) this.lost.set(lost.id, lost);
    const known = parsed.data.verdicts.length - stored;
    return {
      status: 200,
      body: this.changeBatchReply({ stored, known, acknowledged: this.#acknowledged(), refused: [] }),
    };
  }

  #acknowledged(): VerdictBatchReply["acknowledged"] {
    const boots = [...this.verdicts.values()].map(({ bootSeq }) => bootSeq);
    const bootSeq = Math.max(...boots);
    let verdictSeq = 0;
    while (this.verdicts.has(`${bootSeq}/${verdictSeq + 1}`)) verdictSeq++;
    return verdictSeq === 0 ? null : { bootSeq, verdictSeq };
  }
}

const refuse = (status: number, message: string) => ({ status, body: { error: { code: "NO", message } } });
