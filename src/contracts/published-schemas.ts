import { z } from "zod";
import { CommandReply, DeviceCommand, HubAck } from "./command.ts";
import { DeviceHealth, DeviceState } from "./device-state.ts";
import { BundleManifest } from "./model-bundle.ts";
import { ReleaseReport } from "./release-report.ts";
import { TriggerRequest } from "./trigger.ts";
import { Verdict } from "./verdict.ts";

/** What others may rely on, by the name of its file in docs/schemas/. */
const PUBLISHED_SCHEMAS = {
  verdict: { schema: Verdict, title: "Verdict: payload of ROOT/DEVICE/verdict" },
  trigger: { schema: TriggerRequest, title: "Trigger: payload of ROOT/DEVICE/trigger and POST /api/v1/trigger" },
  command: { schema: DeviceCommand, title: "Command: payload of ROOT/DEVICE/command" },
  "command-reply": { schema: CommandReply, title: "Command reply: payload of ROOT/DEVICE/command/reply" },
  "hub-ack": { schema: HubAck, title: "Hub acknowledgement: payload of ROOT/DEVICE/ack" },
  state: { schema: DeviceState, title: "State: retained payload of ROOT/DEVICE/state" },
  health: { schema: DeviceHealth, title: "Health: retained payload of ROOT/DEVICE/health" },
  release: { schema: ReleaseReport, title: "Release: retained payload of ROOT/DEVICE/release" },
  "bundle-manifest": { schema: BundleManifest, title: "Manifest of a model bundle" },
} as const satisfies Record<string, { schema: z.ZodType; title: string }>;

/** File name → JSON Schema (draft 2020-12) as text; `scripts/write-schemas.mjs` writes them. */
export function publishedSchemas(): Map<string, string> {
  return new Map(
    Object.entries(PUBLISHED_SCHEMAS).map(([name, { schema, title }]) => [
      `${name}.schema.json`,
      `${JSON.stringify({ title, ...z.toJSONSchema(schema, { io: "input" }) }, null, 2)}\n`,
    ]),
  );
}
