import { readFile } from "node:fs/promises";
import { Socket } from "node:net";
import { connect, type IClientOptions, type IClientPublishOptions, type MqttClient } from "mqtt";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import { clientIdOf, type BrokerOptions } from "./broker-options.ts";
import { connectionSentence, refusalSentence } from "./broker-sentences.ts";
import { PubackOrder } from "./puback-order.ts";

export type ProtocolVersion = 4 | 5;

/** `taken`: the broker has it. `refused`: it said no and why. `lost`: the connection ended before it answered. */
export type PublishOutcome =
  { readonly kind: "taken" } | { readonly kind: "refused"; readonly sentence: string } | { readonly kind: "lost" };

export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** MQTT 5 only; left out on 3.1.1. */
  readonly properties?: IClientPublishOptions["properties"];
}

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Buffer;
  /** The broker cannot know whether we had it: it may be old. */
  readonly redelivered: boolean;
  /** The broker had kept it for whoever subscribes: nobody knows how old it is, and it comes again at each connect. */
  readonly retained: boolean;
  readonly responseTopic: string | undefined;
  readonly correlationData: Buffer | undefined;
}

export interface ConnectionParts {
  readonly protocolVersion: ProtocolVersion;
  readonly will: { readonly topic: string; readonly payload: string };
  /** Gives up an attempt that has not been answered. */
  readonly signal: AbortSignal;
  /** The broker counts the message as delivered once this has resolved; until then it delivers it again. */
  onMessage(message: IncomingMessage): Promise<void>;
}

/** MQTT.js ignores the broker's Receive Maximum, so the window is ours; beyond this it buys nothing. */
const WIDEST_WINDOW = 20;

/** One connection from CONNACK to its end. A new one is made after each break: nothing of the old one lives on. */
export class BrokerConnection {
  readonly protocolVersion: ProtocolVersion;
  /** Messages of QoS 1 that may wait for the broker at once. */
  readonly window: number;
  readonly sessionPresent: boolean;
  /** Resolves with a sentence when the connection is over. */
  readonly ended: Promise<string>;
  readonly #client: MqttClient;
  readonly #unanswered = new Set<(outcome: PublishOutcome) => void>();
  #waitingForWindow: (() => void)[] = [];
  #open = true;

  constructor(client: MqttClient, connack: Connack, protocolVersion: ProtocolVersion) {
    this.#client = client;
    this.protocolVersion = protocolVersion;
    this.window = Math.min(connack.properties?.receiveMaximum ?? WIDEST_WINDOW, WIDEST_WINDOW);
    this.sessionPresent = connack.sessionPresent;
    let reason = "the broker closed the connection";
    client.on("error", (error) => (reason = connectionSentence(error)));
    client.on(
      "disconnect",
      ({ reasonCode }) => (reason = `the broker ended the connection (reason ${reasonCode ?? 0})`),
    );
    this.ended = new Promise((resolve) => {
      client.on("close", () => {
        this.#lose();
        client.end(true);
        resolve(reason);
      });
    });
  }

  get open(): boolean {
    return this.#open;
  }

  /** Messages beyond the window wait their turn here: callers bound how many they hand over. */
  get waiting(): number {
    return this.#waitingForWindow.length;
  }

  async publish(message: OutgoingMessage): Promise<PublishOutcome> {
    while (message.qos === 1 && this.#open && this.#unanswered.size >= this.window)
      await new Promise<void>((resolve) => this.#waitingForWindow.push(resolve));
    if (!this.#open) return { kind: "lost" };
    return new Promise((resolve) => {
      const settle = (outcome: PublishOutcome): void => {
        if (!this.#unanswered.delete(settle)) return;
        this.#waitingForWindow.shift()?.();
        resolve(outcome);
      };
      this.#unanswered.add(settle);
      const { topic, payload, qos, retain, properties } = message;
      const options: IClientPublishOptions = { qos, retain };
      if (this.protocolVersion === 5 && properties !== undefined) options.properties = properties;
      this.#client.publish(topic, payload, options, (error) => settle(this.#outcome(error)));
    });
  }

  /** Throws BROKER_UNREACHABLE when the broker does not grant all of `topics`. */
  async subscribe(topics: readonly string[]): Promise<void> {
    try {
      const granted = await this.#client.subscribeAsync([...topics], { qos: 1 });
      const refused = granted.find(({ qos }) => qos >= 0x80);
      if (refused !== undefined) throw new Error(`it does not let this device subscribe to ${refused.topic}`);
    } catch (error) {
      throw new SightlineError("BROKER_UNREACHABLE", connectionSentence(error), { cause: error });
    }
  }

  /** Says goodbye, so that the broker does not publish the last will. */
  async close(): Promise<void> {
    this.#lose();
    await this.#client.endAsync();
  }

  /** As a pulled cable would. */
  abort(): void {
    this.#client.end(true);
  }

  #outcome(error: (Error & { code?: unknown }) | undefined): PublishOutcome {
    if (error === undefined || error === null) return { kind: "taken" };
    if (typeof error.code !== "number") return { kind: "lost" };
    return { kind: "refused", sentence: refusalSentence(error.code) };
  }

  #lose(): void {
    this.#open = false;
    for (const settle of [...this.#unanswered]) settle({ kind: "lost" });
    for (const go of this.#waitingForWindow.splice(0)) go();
  }
}

interface Connack {
  readonly sessionPresent: boolean;
  readonly properties?: { receiveMaximum?: number };
}

/** Throws BROKER_UNREACHABLE with a sentence; `cause.code` is the CONNACK reason where the broker gave one. */
export async function connectToBroker(options: BrokerOptions, parts: ConnectionParts): Promise<BrokerConnection> {
  const client = connect(options.url, { ...(await clientOptions(options, parts)), manualConnect: true });
  takeMessages(client, parts);
  let giveUp = (): void => undefined;
  try {
    return await new Promise((resolve, reject) => {
      giveUp = () => reject(parts.signal.reason);
      parts.signal.addEventListener("abort", giveUp);
      client.once("error", reject);
      client.once("close", () => reject(new Error("it closed the connection before answering")));
      client.once("connect", (connack) => resolve(new BrokerConnection(client, connack, parts.protocolVersion)));
      // Small packets must not wait for the answer to earlier ones: with a window of 5 that cost 40 ms a round.
      client.once("packetsend", () => client.stream instanceof Socket && client.stream.setNoDelay(true));
      client.connect();
    });
  } catch (error) {
    client.on("error", () => undefined); // what follows the first error says nothing new
    client.end(true);
    throw new SightlineError("BROKER_UNREACHABLE", connectionSentence(error), { cause: error });
  } finally {
    parts.signal.removeEventListener("abort", giveUp);
  }
}

async function clientOptions(options: BrokerOptions, parts: ConnectionParts): Promise<IClientOptions> {
  const five = parts.protocolVersion === 5;
  const { topic, payload } = parts.will;
  const will: NonNullable<IClientOptions["will"]> = { topic, payload: Buffer.from(payload), qos: 1, retain: true };
  if (five) will.properties = { willDelayInterval: options.willDelayS, contentType: "application/json" };
  const result: IClientOptions = {
    protocolVersion: parts.protocolVersion,
    clientId: clientIdOf(options.root, options.device),
    clean: false,
    keepalive: options.keepaliveS,
    connectTimeout: options.connectTimeoutMs,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    will,
  };
  if (five) result.properties = { sessionExpiryInterval: options.sessionExpiryS };
  if (options.username !== undefined) result.username = options.username;
  if (options.password !== undefined) result.password = options.password;
  if (options.caPath !== undefined) result.ca = await readPem(options.caPath);
  if (options.certificatePath !== undefined) result.cert = await readPem(options.certificatePath);
  if (options.keyPath !== undefined) result.key = await readPem(options.keyPath);
  return result;
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new SightlineError("BROKER_UNREACHABLE", `${path} cannot be read (${messageOf(error)})`, { cause: error });
  }
}

/**
 * MQTT.js handles one packet after the other and stops for `customHandleAcks`: with it every trigger would hold up all
 * traffic for a group commit. So it is shown QoS 0, and the PUBACK is sent from here, in order of arrival, when the
 * message has been dealt with.
 */
function takeMessages(client: MqttClient, parts: ConnectionParts): void {
  const order = new PubackOrder((messageId) => {
    if (client.connected) client.stream.write(Buffer.from([0x40, 0x02, messageId >> 8, messageId & 0xff]));
  });
  client.on("packetreceive", (packet) => {
    if (packet.cmd === "publish" && packet.qos === 1) packet.qos = 0;
  });
  client.on("message", (topic, payload, packet) => {
    const handled = parts.onMessage({
      topic,
      payload,
      redelivered: packet.dup,
      retained: packet.retain,
      responseTopic: packet.properties?.responseTopic,
      correlationData: packet.properties?.correlationData,
    });
    if (packet.messageId !== undefined) order.add(packet.messageId, handled);
  });
}
