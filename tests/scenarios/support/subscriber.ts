import { connectAsync, type IClientOptions, type IClientPublishOptions, type MqttClient } from "mqtt";
import { onTestFinished } from "vitest";
import type { CommandReply } from "../../../src/contracts/command.ts";
import type { DeviceState } from "../../../src/contracts/device-state.ts";
import { topicOf, type ReceivedLeaf } from "../../../src/contracts/topics.ts";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { DEVICE, ROOT } from "./station.ts";

const KEPT_FOR_S = 3600;

/** Whatever stands behind the broker: a PLC, a line controller, a historian. MQTT 5. */
export class Subscriber {
  /** As they came, redeliveries included. */
  readonly arrivals: Verdict[] = [];
  /** In the order of their first arrival. */
  readonly byId = new Map<string, Verdict>();
  readonly states: DeviceState[] = [];
  readonly replies: {
    readonly topic: string;
    readonly reply: CommandReply;
    readonly correlation: string | undefined;
  }[] = [];
  readonly client: MqttClient;

  private constructor(client: MqttClient) {
    this.client = client;
  }

  static async connect(url: string, options: IClientOptions = {}): Promise<Subscriber> {
    const client = await connectAsync(url, { protocolVersion: 5, reconnectPeriod: 50, ...options });
    client.on("error", () => undefined); // it reconnects
    onTestFinished(async () => void (await client.endAsync(true)));
    const subscriber = new Subscriber(client);
    client.on("message", (topic, payload, { properties }) =>
      subscriber.#receive(topic, JSON.parse(payload.toString()), properties?.correlationData?.toString()),
    );
    await client.subscribeAsync(
      [topicOf(ROOT, DEVICE, "verdict"), topicOf(ROOT, DEVICE, "state"), "+/+/+/+/+/command/reply", "replies/#"],
      { qos: 1 },
    );
    return subscriber;
  }

  /** The broker keeps what it misses while it is away. */
  static connectPersistently(url: string, clientId: string): Promise<Subscriber> {
    return Subscriber.connect(url, {
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: KEPT_FOR_S, receiveMaximum: 1000 },
    });
  }

  get state(): DeviceState | undefined {
    return this.states.at(-1);
  }

  async send(
    leaf: ReceivedLeaf,
    payload: object | string,
    properties: IClientPublishOptions["properties"] = {},
  ): Promise<void> {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    await this.client.publishAsync(topicOf(ROOT, DEVICE, leaf), text, { qos: 1, properties });
  }

  #receive(topic: string, payload: unknown, correlation: string | undefined): void {
    // Our own device's messages; a test checks them against the schema.
    if (topic.endsWith("/verdict")) {
      const verdict = payload as Verdict;
      this.arrivals.push(verdict);
      if (!this.byId.has(verdict.id)) this.byId.set(verdict.id, verdict);
    } else if (topic.endsWith("/state")) this.states.push(payload as DeviceState);
    else this.replies.push({ topic, reply: payload as CommandReply, correlation });
  }
}
