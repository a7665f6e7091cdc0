import { messageOf } from "../../contracts/errors.ts";
import { DeviceOrders, type SamplingRule } from "../../contracts/hub-case.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { HubLink } from "./hub-link.ts";
import type { Spool } from "./spool.ts";

const ASK_EVERY_MS = 60_000;
const LOOK_AGAIN_MS = 2000;
const KEY = "orders";

export interface OrderBookParts {
  readonly link: HubLink;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly onChange: () => void;
}

/** What the hub orders from this device, asked every minute and kept on disk: a restart, or a hub away, changes nothing. */
export class OrderBook {
  readonly #with: OrderBookParts;
  readonly #stopping = new AbortController();
  /** Cases of each rule that the hub has taken since it said how many it wants. */
  #taken = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();
  #orders: DeviceOrders | null = null;

  constructor(parts: OrderBookParts) {
    this.#with = parts;
  }

  start(): void {
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  get limits(): DeviceOrders["limits"] | null {
    return this.#orders?.limits ?? null;
  }

  /** Those that have not ended, and for which what waits here and was just taken is not enough already. */
  active(nowMs: number): readonly SamplingRule[] {
    const rules = this.#orders?.rules ?? [];
    const waiting = this.#with.spool.figures?.drawn ?? {};
    return rules.filter(
      ({ id, until, wanted }) => until > nowMs && (waiting[id] ?? 0) + (this.#taken.get(id) ?? 0) < wanted,
    );
  }

  taken(orders: readonly string[]): void {
    for (const id of orders) this.#taken.set(id, (this.#taken.get(id) ?? 0) + 1);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, log, link } = this.#with;
    await this.#recall().catch((error: unknown) =>
      log.warn({ reason: messageOf(error) }, "the hub's orders are not kept"),
    );
    while (!signal.aborted) {
      const waitMs = await link.waitMs();
      const pauseMs = waitMs > 0 ? Math.min(waitMs, LOOK_AGAIN_MS) : ASK_EVERY_MS * (0.9 + 0.2 * random());
      try {
        if (waitMs === 0) await this.#ask(signal);
      } catch (error) {
        if (!signal.aborted) log.warn({ reason: messageOf(error) }, "the hub's orders could not be kept");
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { link, spool, log } = this.#with;
    const answer = await link.ask({ method: "GET", path: "/api/v1/device/orders", signal }, DeviceOrders);
    if (answer.kind !== "ok") return;
    this.#taken = new Map();
    const json = JSON.stringify(answer.value);
    if (json === JSON.stringify(this.#orders)) return;
    this.#orders = answer.value;
    this.#with.onChange();
    const rules = answer.value.rules.map(({ id, title, rate }) => ({ id, title, rate }));
    log.info({ rules, limits: answer.value.limits }, "the hub's orders");
    await spool.ask({ kind: "keep", key: KEY, json });
  }

  async #recall(): Promise<void> {
    const json = await this.#with.spool.ask({ kind: "kept", key: KEY });
    if (json !== null) this.#orders = DeviceOrders.parse(JSON.parse(json));
  }
}
