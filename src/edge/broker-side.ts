import type { CommandReply, DeviceCommand } from "../contracts/command.ts";
import type { DeviceState } from "../contracts/device-state.ts";
import type { Journal } from "../pipeline/journal/journal.ts";
import { BrokerLink } from "../pipeline/publish/broker-link.ts";
import { VerdictPublisher } from "../pipeline/publish/verdict-publisher.ts";
import { brokerSettings } from "./broker-settings.ts";
import type { DeviceConfig } from "./device-config.ts";
import type { DeviceParts } from "./device-parts.ts";
import type { TriggerDesk } from "./triggers/trigger-desk.ts";

/** What the broker's half asks of the rest of the device. */
export interface BrokerSideContext {
  readonly journal: Journal;
  readonly desk: TriggerDesk;
  readonly offlineState: () => DeviceState;
  readonly onCommand: (command: DeviceCommand) => Promise<CommandReply>;
}

export interface BrokerSide {
  readonly link: BrokerLink;
  readonly publisher: VerdictPublisher;
}

/** A hub with an address of its own is sent verdicts directly: nothing that the broker loses is lost to it. */
export const isHubBehindBroker = ({ hub }: DeviceConfig): boolean =>
  hub?.acknowledges === true && hub.url === undefined;

const HUB_ACKNOWLEDGES_WITHIN_MS = 60_000;

/** The link to the broker and the publisher of verdicts; undefined where no broker is configured. */
export async function assembleBrokerSide(
  config: DeviceConfig,
  parts: DeviceParts,
  { journal, desk, offlineState, onCommand }: BrokerSideContext,
): Promise<BrokerSide | undefined> {
  if (config.mqtt === null) return undefined;
  const { clock, random, log } = parts;
  const link = new BrokerLink(await brokerSettings(config.mqtt, config.device, parts.environment), {
    ...{ clock, random, offlineState, onCommand },
    logger: log.child({ component: "broker" }),
    onTrigger: (request, { late }) => desk.take(request, { source: "mqtt", late }).recorded,
    onAcknowledgement: (ack) => publisher.acknowledged(ack),
  });
  const hub = isHubBehindBroker(config) ? { acknowledgeWithinMs: HUB_ACKNOWLEDGES_WITHIN_MS } : null;
  const logger = log.child({ component: "publish" });
  const publisher = new VerdictPublisher({ outbox: journal, link, clock, random, logger, hub });
  return { link, publisher };
}
