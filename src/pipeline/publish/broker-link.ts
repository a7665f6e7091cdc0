import type { CommandReply, DeviceCommand, HubAck } from "../../contracts/command.ts";
import type { DeviceState } from "../../contracts/device-state.ts";
import { messageOf } from "../../contracts/errors.ts";
import { PUBLISHED, RECEIVED, topicOf, type PublishedPayloads, type ReceivedLeaf } from "../../contracts/topics.ts";
import type { TriggerRequest } from "../../contracts/trigger.ts";
import { toIso, type Clock } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import { settledWithin } from "../../platform/patience.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";
import { connectToBroker, type BrokerConnection, type IncomingMessage } from "./broker-connection.ts";
import { brokerOptions, withoutSecrets, type BrokerOptions, type BrokerSettings } from "./broker-options.ts";
import { connectionSentence, saysOtherProtocol } from "./broker-sentences.ts";
import { parsePayload, replyToUnreadable, replyTopic, type Parsed } from "./inbound.ts";
import { LateTriggers } from "./late-triggers.ts";

const RECONNECT: RetryPolicy = { firstMs: 500, maxMs: 30_000, jitter: 1 };
/** A connection that ends sooner did not work: the next attempt waits longer (two devices with one name, say). */
const WORKING_MS = 10_000;
const FAREWELL_MS = 1000;
const JSON_PROPERTIES = { payloadFormatIndicator: true, contentType: "application/json" } as const;

/** Obeyed, it would switch the recipe again at every connect. */
const RETAINED_COMMAND = {
  ok: false,
  sentence: "The command is retained; send commands without the retain flag.",
} as const;

export type LatestLeaf = "state" | "health" | "release";

export interface BrokerStatus {
  readonly connected: boolean;
  readonly protocol: "MQTT 5" | "MQTT 3.1.1" | null;
  /** Without user name and password. */
  readonly url: string;
  readonly lastError: string | null;
  /** ISO 8601 UTC: since when it is (not) connected. */
  readonly since: string;
  /** Messages that did not fit their schema, in this boot. */
  readonly unreadable: number;
}

export interface BrokerLinkParts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** What stands in `state` after the device has gone: its last will, and its own word at a planned stop. */
  offlineState(): DeviceState;
  /**
   * Resolves when the trigger is on disk: only then the broker is told that it arrived. `late`: it waited at the
   * broker while the device was away, so its part is no longer in view and must get a fault, never an image of now.
   */
  onTrigger(request: TriggerRequest, arrival: { readonly late: boolean }): Promise<void>;
  onCommand(command: DeviceCommand): Promise<CommandReply>;
  onAcknowledgement(ack: HubAck): void;
}

/** The way to the broker and back: always trying, never in anybody's way. */
export class BrokerLink {
  readonly name = "broker link";
  readonly #options: BrokerOptions;
  readonly #with: BrokerLinkParts;
  readonly #late: LateTriggers;
  readonly #latest = new Map<LatestLeaf, string>();
  readonly #publishing = new Set<LatestLeaf>();
  readonly #connectListeners = new Set<() => void>();
  readonly #reportError: (sentence: string | null) => void;
  #connection: BrokerConnection | undefined;
  #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #lastError: string | null = null;
  #since = "";
  #unreadable = 0;

  constructor(settings: BrokerSettings, parts: BrokerLinkParts) {
    this.#options = brokerOptions(settings);
    this.#with = parts;
    this.#late = new LateTriggers(parts.clock);
    const url = withoutSecrets(this.#options.url);
    this.#reportError = onChange((sentence) => {
      if (sentence !== null) parts.logger.warn({ url, reason: sentence }, "the broker cannot be reached");
    });
  }

  /** Returns at once: a device without a broker inspects all the same. */
  async start(): Promise<void> {
    this.#since = toIso(this.#with.clock.wallNow());
    this.#running = this.#stayConnected(this.#stopping.signal);
  }

  /** Leaves `offline` behind, where there is a connection. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    const connection = this.#connection;
    if (connection !== undefined) {
      const farewell = connection.publish(this.#message("state", JSON.stringify(this.#with.offlineState())));
      await settledWithin(this.#with.clock, FAREWELL_MS, farewell);
      await settledWithin(this.#with.clock, FAREWELL_MS, connection.close());
      connection.abort();
    }
    await this.#running;
  }

  /** The connection of this moment. Ask again after each wait. */
  get connection(): BrokerConnection | undefined {
    return this.#connection?.open === true ? this.#connection : undefined;
  }

  /** Calls `listener` after every successful connect, until the returned function is called. */
  onConnect(listener: () => void): () => void {
    this.#connectListeners.add(listener);
    return () => this.#connectListeners.delete(listener);
  }

  /** Keeps the newest only: published now, or at the next connect. */
  publishLatest<L extends LatestLeaf>(leaf: L, payload: PublishedPayloads[L]): void {
    this.#latest.set(leaf, JSON.stringify(payload));
    void this.#publishLatest(leaf);
  }

  status(): BrokerStatus {
    const connection = this.connection;
    const protocol = connection === undefined ? null : connection.protocolVersion === 5 ? "MQTT 5" : "MQTT 3.1.1";
    return {
      connected: connection !== undefined,
      protocol,
      url: withoutSecrets(this.#options.url),
      lastError: this.#lastError,
      since: this.#since,
      unreadable: this.#unreadable,
    };
  }

  async #stayConnected(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#with;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const startedTick = clock.tick();
      const reason = await this.#connectOnce(signal);
      if (signal.aborted) return;
      this.#lastError = reason;
      this.#reportError(reason);
      if (clock.tick() - startedTick > WORKING_MS) attempt = 0;
      await clock.sleep(retryDelayMs(RECONNECT, attempt, random), signal).catch(() => undefined);
    }
  }

  /** Returns why there is no connection (any more). */
  async #connectOnce(signal: AbortSignal): Promise<string> {
    try {
      this.#late.expect();
      const connection = await this.#connect();
      if (signal.aborted) await connection.close();
      else await this.#welcome(connection);
      return await connection.ended;
    } catch (error) {
      return connectionSentence(error);
    } finally {
      if (this.#connection !== undefined) this.#since = toIso(this.#with.clock.wallNow());
      this.#connection = undefined;
    }
  }

  async #connect(): Promise<BrokerConnection> {
    const parts = {
      will: { topic: this.#topic("state"), payload: JSON.stringify(this.#with.offlineState()) },
      onMessage: (message: IncomingMessage) => this.#receive(message),
      signal: this.#stopping.signal,
    };
    try {
      return await connectToBroker(this.#options, { ...parts, protocolVersion: 5 });
    } catch (error) {
      if (!saysOtherProtocol(error)) throw error;
      return await connectToBroker(this.#options, { ...parts, protocolVersion: 4 });
    }
  }

  async #welcome(connection: BrokerConnection): Promise<void> {
    this.#connection = connection;
    this.#late.connected(connection.sessionPresent);
    this.#since = toIso(this.#with.clock.wallNow());
    this.#lastError = null;
    this.#reportError(null);
    const { protocol, url } = this.status();
    this.#with.logger.info({ url, protocol, window: connection.window }, "connected to the broker");
    for (const leaf of this.#latest.keys()) void this.#publishLatest(leaf);
    for (const listener of this.#connectListeners) listener();
    try {
      await connection.subscribe(RECEIVED.map((leaf) => this.#topic(leaf)));
    } catch (error) {
      // Verdicts still leave; a lost connection is tried again by the loop.
      if (connection.open) this.#lastError = messageOf(error);
      this.#reportError(this.#lastError);
    }
  }

  async #publishLatest(leaf: LatestLeaf): Promise<void> {
    if (this.#publishing.has(leaf)) return;
    this.#publishing.add(leaf);
    try {
      for (let published: string | undefined; ;) {
        const connection = this.connection;
        const payload = this.#latest.get(leaf);
        if (connection === undefined || this.#stopping.signal.aborted) return;
        if (payload === undefined || payload === published) return;
        const outcome = await connection.publish(this.#message(leaf, payload));
        if (outcome.kind === "taken") published = payload;
        if (outcome.kind !== "refused") continue;
        return this.#with.logger.warn({ leaf, reason: outcome.sentence }, "not published");
      }
    } finally {
      this.#publishing.delete(leaf);
    }
  }

  async #receive(message: IncomingMessage): Promise<void> {
    const leaf = RECEIVED.find((known) => this.#topic(known) === message.topic);
    try {
      if (leaf !== undefined) await this.#deal(leaf, message);
    } catch (error) {
      this.#with.logger.error({ leaf, reason: messageOf(error) }, "a message could not be dealt with");
    }
  }

  async #deal(leaf: ReceivedLeaf, message: IncomingMessage): Promise<void> {
    if (leaf === "command") return this.#command(message);
    if (leaf === "trigger") {
      const parsed = parsePayload("trigger", message.payload);
      if (!parsed.ok) return this.#complain(leaf, parsed.sentence);
      const late = this.#late.isLate(message.redelivered) || message.retained;
      return this.#with.onTrigger(parsed.value, { late });
    }
    const parsed = parsePayload("ack", message.payload);
    if (!parsed.ok) return this.#complain(leaf, parsed.sentence);
    this.#with.onAcknowledgement(parsed.value);
  }

  async #command(message: IncomingMessage): Promise<void> {
    const parsed: Parsed<DeviceCommand> = message.retained
      ? RETAINED_COMMAND
      : parsePayload("command", message.payload);
    if (!parsed.ok) this.#complain("command", parsed.sentence);
    const reply = parsed.ok
      ? await this.#with.onCommand(parsed.value)
      : replyToUnreadable(message.payload, parsed.sentence);
    const { root, device } = this.#options;
    const { correlationData, responseTopic } = message;
    await this.connection?.publish({
      topic: replyTopic(root, device, responseTopic),
      payload: JSON.stringify(reply),
      ...PUBLISHED["command/reply"],
      properties: correlationData === undefined ? JSON_PROPERTIES : { ...JSON_PROPERTIES, correlationData },
    });
  }

  #complain(leaf: ReceivedLeaf, sentence: string): void {
    this.#unreadable++;
    this.#with.logger.warn({ leaf, reason: sentence, unreadable: this.#unreadable }, "a message cannot be read");
  }

  #message(leaf: LatestLeaf, payload: string) {
    return { topic: this.#topic(leaf), payload, ...PUBLISHED[leaf], properties: JSON_PROPERTIES };
  }

  #topic(leaf: LatestLeaf | ReceivedLeaf): string {
    return topicOf(this.#options.root, this.#options.device, leaf);
  }

  get verdictTopic(): string {
    return topicOf(this.#options.root, this.#options.device, "verdict");
  }
}
