import { z } from "zod";
import { Secret } from "../config/secret.ts";
import { SightlineError } from "../contracts/errors.ts";
import { CameraLinkOptions } from "../pipeline/capture/camera-link.ts";
import { journalOptions, LEAST_RESERVE_BYTES } from "../pipeline/journal/journal-options.ts";
import { SanityLimits } from "../pipeline/sanity/sanity-gate.ts";
import { CameraConfig } from "./camera-config.ts";
import { HubConfig } from "./hub-config.ts";
import { DriftConfig } from "./watch/drift-config.ts";
import { ReleasesConfig } from "./releases-config.ts";

const Name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "letters, digits, dot, dash and underscore, at most 64");
const Probability = z.number().min(0).max(1);

export const RecipeConfig = z.strictObject({
  name: Name,
  model: z.string().min(1).describe("folder of the model bundle; relative to this file"),
  passBelow: Probability.optional().describe(
    "overrides this bundle's limit on the NG score; a released model brings its own",
  ),
  rejectFrom: Probability.optional().describe(
    "overrides this bundle's limit on the NG score; a released model brings its own",
  ),
  deadlineMs: z.int().min(1).max(600_000).optional().describe("overrides trigger.deadlineMs"),
  sanity: SanityLimits.prefault({}).describe("what an image must be like to be judged at all"),
});
export type RecipeConfig = Readonly<z.infer<typeof RecipeConfig>>;

export const TriggerConfig = z.strictObject({
  mode: z
    .enum(["free", "external"])
    .default("free")
    .describe("free: every frame is a part; external: MQTT and HTTP triggers say when a part is in view"),
  deadlineMs: z.int().min(1).max(600_000).default(1000).describe("from the trigger to the verdict; later is a fault"),
  queueCapacity: z.int().min(1).max(1000).default(16).describe("parts undecided at once; one more is a fault: overrun"),
});

export const InferenceConfig = z.strictObject({
  provider: z
    .enum(["auto", "tensorrt", "cuda", "cpu"])
    .default("auto")
    .describe("a named one is required: absent, the device refuses to start"),
  processes: z
    .int()
    .min(1)
    .max(16)
    .optional()
    .describe("inference processes; one for each core, at most 4, when absent"),
  threadsPerProcess: z.int().min(1).max(64).default(1),
  hangTimeoutMs: z
    .int()
    .min(100)
    .max(600_000)
    .default(5000)
    .describe("an inference without answer for so long is killed"),
  loadTimeoutMs: z.int().min(1000).max(3_600_000).default(900_000).describe("a first TensorRT build takes minutes"),
});

export const MqttConfig = z.strictObject({
  url: z
    .string()
    .regex(
      /^(mqtts?|wss?|tcp|tls):\/\/[^@\s]+$/,
      "mqtt://HOST:PORT, mqtts://, ws:// or wss://, without user and password: those have keys of their own",
    )
    .describe("no user or password in it"),
  root: z
    .string()
    .regex(/^[^+#$\s/]+(\/[^+#$\s/]+)*$/, "levels without +, #, $ and spaces")
    .describe("enterprise/site/area/line"),
  username: z.string().optional(),
  password: Secret.optional(),
  caFile: z.string().optional(),
  certFile: z.string().optional(),
  keyFile: z.string().optional(),
});

export const JournalConfig = z.strictObject({
  maxBytes: z.int().min(8_000_000).default(2_000_000_000).describe("quota of the verdict journal on disk"),
  reserveBytes: z
    .int()
    .min(LEAST_RESERVE_BYTES)
    .default(16_000_000)
    .describe("kept free for verdicts when the disk fills up"),
  retentionDays: z.number().positive().default(90).describe("delivered verdicts older than this are removed"),
});

export const HttpConfig = z.strictObject({
  host: z.string().default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(8080),
  writeToken: Secret.optional().describe("bearer token for requests that change something; needed beyond this machine"),
});

export const RejectSignalConfig = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("none") }),
  z.strictObject({
    type: z.literal("modbus"),
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).default(502),
    unit: z.int().min(0).max(255).default(1),
    passCoil: z.int().min(0).max(65_535).describe("energised for a pass only: a cut cable rejects"),
    heartbeatCoil: z.int().min(0).max(65_535).optional().describe("toggles while the device decides"),
    pulseMs: z.int().min(1).max(60_000).default(100),
  }),
  z.strictObject({
    type: z.literal("gpio"),
    chip: z.string().default("gpiochip0"),
    passLine: z.int().min(0).describe("energised for a pass only: a cut cable rejects"),
    pulseMs: z.int().min(1).max(60_000).default(100),
  }),
]);
export type RejectSignalConfig = Readonly<z.infer<typeof RejectSignalConfig>>;

/** The whole configuration of a device: one YAML file. */
export const DeviceConfig = z
  .strictObject({
    device: Name.describe("unique in the plant; part of every MQTT topic"),
    dataDirectory: z.string().min(1).default("data").describe("journal and state; relative to this file"),
    log: z
      .strictObject({
        level: z.enum(["debug", "info", "warn", "error"]).default("info"),
        format: z
          .enum(["auto", "json", "pretty"])
          .default("auto")
          .describe("auto: readable on a terminal, JSON elsewhere"),
      })
      .prefault({}),
    camera: CameraConfig,
    cameraLink: CameraLinkOptions.prefault({}).describe("when a camera counts as stalled, and how it is restarted"),
    trigger: TriggerConfig.prefault({}),
    inference: InferenceConfig.prefault({}),
    recipes: z.array(RecipeConfig).min(1),
    activeRecipe: Name.optional().describe("the first recipe when absent; an operator's switch is remembered"),
    mqtt: MqttConfig.nullable().default(null).describe("null: no broker; verdicts stay in the journal"),
    hub: HubConfig.nullable().default(null).describe("the central service; null: none"),
    releases: ReleasesConfig.nullable().default(null).describe("signed releases of models; null: none are looked for"),
    drift: DriftConfig.prefault({}).describe("changes of the line that the device watches for"),
    journal: JournalConfig.prefault({}),
    http: HttpConfig.prefault({}),
    rejectSignal: RejectSignalConfig.prefault({ type: "none" }),
  })
  .superRefine(({ recipes, activeRecipe, mqtt, hub, releases, journal }, context) => {
    const names = recipes.map(({ name }) => name);
    const refuse = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    names.forEach((name, at) => {
      if (names.indexOf(name) < at) refuse(["recipes", at, "name"], `"${name}" is the name of two recipes`);
    });
    if (activeRecipe !== undefined && !names.includes(activeRecipe)) {
      refuse(["activeRecipe"], `"${activeRecipe}" is none of the recipes: ${names.join(", ")}`);
    }
    if (hub !== null && hub.url === undefined && mqtt === null)
      refuse(["hub"], "a hub without url acknowledges over the broker; set hub.url or mqtt, or remove hub");
    if (releases?.recipe !== undefined && !names.includes(releases.recipe))
      refuse(["releases", "recipe"], `"${releases.recipe}" is none of the recipes: ${names.join(", ")}`);
    if (releases !== null && (releases.line ?? mqtt?.root ?? hub?.line) === undefined)
      refuse(["releases"], "say on which line this device stands: releases.line, as orders name it");
    const quotaTrouble = journalTrouble(journal);
    if (quotaTrouble !== null) refuse(["journal"], quotaTrouble);
  });
export type DeviceConfig = Readonly<z.infer<typeof DeviceConfig>>;

/** What the journal itself would refuse at the start: a quota that leaves no room beside the reserve. */
function journalTrouble(journal: z.infer<typeof JournalConfig>): string | null {
  try {
    journalOptions({ directoryPath: "", hubConfigured: false, ...journal });
    return null;
  } catch (error) {
    if (error instanceof SightlineError) return error.detail;
    throw error;
  }
}
