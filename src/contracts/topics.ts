import type { CommandReply, DeviceCommand, HubAck } from "./command.ts";
import type { DeviceHealth, DeviceState } from "./device-state.ts";
import type { ReleaseReport } from "./release-report.ts";
import type { TriggerRequest } from "./trigger.ts";
import type { Verdict } from "./verdict.ts";

/** What the device publishes below `ROOT/DEVICE/`, by leaf. No topic string outside this file. */
export interface PublishedPayloads {
  verdict: Verdict;
  state: DeviceState;
  health: DeviceHealth;
  release: ReleaseReport;
  "command/reply": CommandReply;
}

/** What the device listens to. */
export interface ReceivedPayloads {
  trigger: TriggerRequest;
  command: DeviceCommand;
  ack: HubAck;
}

export type PublishedLeaf = keyof PublishedPayloads;
export type ReceivedLeaf = keyof ReceivedPayloads;

/** Verdicts are never retained: a PLC that reconnects must not read yesterday's pass. */
export const PUBLISHED: { readonly [L in PublishedLeaf]: { readonly qos: 0 | 1; readonly retain: boolean } } = {
  verdict: { qos: 1, retain: false },
  state: { qos: 1, retain: true },
  health: { qos: 0, retain: true },
  release: { qos: 1, retain: true },
  "command/reply": { qos: 1, retain: false },
};

export const RECEIVED: readonly ReceivedLeaf[] = ["trigger", "command", "ack"];

export const topicOf = (root: string, device: string, leaf: PublishedLeaf | ReceivedLeaf): string =>
  `${root}/${device}/${leaf}`;
