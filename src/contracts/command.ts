import { z } from "zod";

const CommandId = z.string().min(1).max(128);

/** Payload of `ROOT/DEVICE/command`. The answer goes to the MQTT 5 response topic or `ROOT/DEVICE/command/reply`. */
export const DeviceCommand = z.discriminatedUnion("command", [
  z.strictObject({
    schema: z.literal(1).default(1),
    id: CommandId,
    command: z.literal("recipe"),
    recipe: z.string().min(1).describe("name of the recipe to switch to, between two frames"),
  }),
  z.strictObject({ schema: z.literal(1).default(1), id: CommandId, command: z.literal("ping") }),
]);
export type DeviceCommand = z.infer<typeof DeviceCommand>;

export const CommandReply = z.strictObject({
  schema: z.literal(1),
  id: CommandId.nullable().describe("null when the command could not be read"),
  ok: z.boolean(),
  message: z.string(),
});
export type CommandReply = z.infer<typeof CommandReply>;

/** Body of `POST /api/v1/verdicts/{id}/flag`: a person asks the central team to look at this part. */
export const FlagRequest = z.strictObject({
  note: z.string().max(1000).default(""),
  by: z.string().max(64).default(""),
});
export type FlagRequest = z.infer<typeof FlagRequest>;

/** Body of `POST /api/v1/verdicts/{id}/override`: a person overrules the verdict and says why. */
export const OverrideRequest = z.strictObject({
  verdict: z.enum(["pass", "reject"]),
  reason: z.string().min(3).max(1000),
  by: z.string().max(64).default(""),
});
export type OverrideRequest = z.infer<typeof OverrideRequest>;

/** Payload of `ROOT/DEVICE/ack` from the hub: everything up to and including this verdict is stored there. */
export const HubAck = z.object({ schema: z.literal(1), bootSeq: z.int().positive(), verdictSeq: z.int().positive() });
export type HubAck = z.infer<typeof HubAck>;
