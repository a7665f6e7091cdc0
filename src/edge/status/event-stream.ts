import type { ServerResponse } from "node:http";
import { messageOf } from "../../contracts/errors.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import type { Clock, MonotonicMs } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { DeviceView } from "./device-view.ts";

/** A screen shows no more; the ledger and MQTT have every verdict. */
const VERDICT_INTERVAL_MS = 50;
const STATUS_INTERVAL_MS = 1_000;
const ROUNDS_PER_HEARTBEAT = 15;
const RECONNECT_MS = 1_000;

export interface EventStreamLimits {
  readonly maxClients: number;
  /** A client that has taken nothing for so long is dropped. */
  readonly stuckAfterMs: number;
}

interface Client {
  readonly response: ServerResponse;
  /** At most one verdict waits: the newest. */
  waiting: Verdict | undefined;
  skipped: number;
  lastVerdictTick: number;
  cancelFlush: (() => void) | undefined;
  /** Since when the client's buffer is full; nothing is written to it until it drains. */
  blockedSinceTick: MonotonicMs | undefined;
}

const eventText = (event: string, data: string, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;

/**
 * Server-sent events for any number of screens. A client owns at most its socket's buffer and one waiting verdict, so
 * slow clients cost no memory: they skip verdicts and are told how many.
 */
export class EventStream {
  readonly #device: DeviceView;
  readonly #clock: Clock;
  readonly #limits: EventStreamLimits;
  readonly #log: Logger;
  readonly #clients = new Set<Client>();
  readonly #verdictJson = new WeakMap<Verdict, string>();
  #cancelRound: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;
  #round = 0;

  constructor(device: DeviceView, limits: EventStreamLimits, at: { readonly clock: Clock; readonly log: Logger }) {
    this.#device = device;
    this.#clock = at.clock;
    this.#log = at.log;
    this.#limits = limits;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  start(): void {
    this.#unsubscribe = this.#device.onVerdict((verdict) => this.#offer(verdict));
    this.#scheduleRound();
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#cancelRound?.();
    for (const client of [...this.#clients]) this.#drop(client);
  }

  isFull(): boolean {
    return this.#clients.size >= this.#limits.maxClients;
  }

  /** Takes over `response`; the first event is the status. Nothing is replayed: `Last-Event-ID` is ignored. */
  add(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const client: Client = {
      response,
      waiting: undefined,
      skipped: 0,
      lastVerdictTick: Number.NEGATIVE_INFINITY,
      cancelFlush: undefined,
      blockedSinceTick: undefined,
    };
    this.#clients.add(client);
    response.on("close", () => this.#forget(client));
    response.on("error", () => this.#drop(client));
    response.on("drain", () => {
      client.blockedSinceTick = undefined;
      this.#flush(client);
    });
    this.#write(client, `retry: ${RECONNECT_MS}\n\n${eventText("status", JSON.stringify(this.#device.status()))}`);
  }

  #offer(verdict: Verdict): void {
    for (const client of this.#clients) {
      if (client.waiting !== undefined) client.skipped++;
      client.waiting = verdict;
      this.#flush(client);
    }
  }

  #flush(client: Client): void {
    if (client.waiting === undefined || client.blockedSinceTick !== undefined || client.cancelFlush !== undefined)
      return;
    const waitMs = client.lastVerdictTick + VERDICT_INTERVAL_MS - this.#clock.tick();
    if (waitMs > 0) {
      client.cancelFlush = this.#clock.after(waitMs, () => {
        client.cancelFlush = undefined;
        this.#flush(client);
      });
      return;
    }
    const { waiting, skipped } = client;
    client.waiting = undefined;
    client.skipped = 0;
    client.lastVerdictTick = this.#clock.tick();
    this.#write(client, eventText("verdict", `{"skipped":${skipped},"verdict":${this.#jsonOf(waiting)}}`, waiting.id));
  }

  #jsonOf(verdict: Verdict): string {
    const known = this.#verdictJson.get(verdict);
    if (known !== undefined) return known;
    const json = JSON.stringify(verdict);
    this.#verdictJson.set(verdict, json);
    return json;
  }

  #scheduleRound(): void {
    this.#cancelRound = this.#clock.after(STATUS_INTERVAL_MS, () => {
      this.#scheduleRound();
      try {
        this.#sendStatus();
      } catch (error) {
        // A screen that cannot be served must never end the process that inspects.
        this.#log.error({ error: messageOf(error) }, "the status could not be sent to the screens");
      }
    });
  }

  #sendStatus(): void {
    if (this.#clients.size === 0) return;
    const heartbeat = ++this.#round % ROUNDS_PER_HEARTBEAT === 0 ? ": heartbeat\n\n" : "";
    const text = heartbeat + eventText("status", JSON.stringify(this.#device.status()));
    const now = this.#clock.tick();
    for (const client of [...this.#clients]) {
      if (client.blockedSinceTick === undefined) this.#write(client, text);
      else if (now - client.blockedSinceTick > this.#limits.stuckAfterMs) this.#drop(client);
    }
  }

  #write(client: Client, text: string): void {
    if (!client.response.write(text)) client.blockedSinceTick = this.#clock.tick();
  }

  #drop(client: Client): void {
    this.#forget(client);
    client.response.destroy();
  }

  #forget(client: Client): void {
    client.cancelFlush?.();
    client.cancelFlush = undefined;
    client.waiting = undefined;
    this.#clients.delete(client);
  }
}
