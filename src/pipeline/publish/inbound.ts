import { z } from "zod";
import { CommandReply, DeviceCommand, HubAck } from "../../contracts/command.ts";
import { PUBLISHED, RECEIVED, topicOf, type ReceivedLeaf, type ReceivedPayloads } from "../../contracts/topics.ts";
import { TriggerRequest } from "../../contracts/trigger.ts";

const SCHEMAS: { readonly [L in ReceivedLeaf]: z.ZodType<ReceivedPayloads[L]> } = {
  trigger: TriggerRequest,
  command: DeviceCommand,
  ack: HubAck,
};
const MOST_BYTES = 64 * 1024;
const CommandName = z.object({ id: z.string().min(1).max(128) });

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly sentence: string };

/** The door: nothing behind it sees a payload that does not fit its schema. */
export function parsePayload<L extends ReceivedLeaf>(leaf: L, payload: Buffer): Parsed<ReceivedPayloads[L]> {
  if (payload.length > MOST_BYTES)
    return { ok: false, sentence: `The message has ${payload.length} bytes; at most ${MOST_BYTES} are read.` };
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    return { ok: false, sentence: "The message is not JSON." };
  }
  const schema: z.ZodType<ReceivedPayloads[L]> = SCHEMAS[leaf];
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const faults = parsed.error.issues.map(({ path, message }) => [...path, message].join(": "));
  return { ok: false, sentence: `The message does not fit: ${faults.join("; ")}.` };
}

/** Answers a command that cannot be read, with its id where that much can be. */
export function replyToUnreadable(payload: Buffer, sentence: string): CommandReply {
  let id: string | null = null;
  try {
    id = CommandName.parse(JSON.parse(payload.toString("utf8"))).id;
  } catch {
    // not even an id: the reply says so with null
  }
  return { schema: 1, id, ok: false, message: sentence };
}

/**
 * Where the answer to a command goes. A caller may name a topic of its own, but must not use this device's rights to
 * speak in a device's name: the topics of the contract are closed to it.
 */
export function replyTopic(root: string, device: string, wanted: string | undefined): string {
  const own = topicOf(root, device, "command/reply");
  if (wanted === undefined || wanted === "" || /[+#\0]/.test(wanted) || wanted.startsWith("$")) return own;
  const leaves = [...Object.keys(PUBLISHED), ...RECEIVED].filter((leaf) => leaf !== "command/reply");
  const closed = wanted.startsWith(`${root}/`) && leaves.some((leaf) => wanted.endsWith(`/${leaf}`));
  return closed ? own : wanted;
}
