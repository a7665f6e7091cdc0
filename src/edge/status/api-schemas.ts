import { z } from "zod";
import { DeviceState, LatencyPercentiles } from "../../contracts/device-state.ts";
import { DecisionLimits, ModelClass } from "../../contracts/model-bundle.ts";
import { ReleaseReport } from "../../contracts/release-report.ts";
import { TriggerRequest } from "../../contracts/trigger.ts";
import { Verdict } from "../../contracts/verdict.ts";

const Problem = DeviceState.shape.problems.element;
const Count = z.int().nonnegative();
const KindCounts = z.strictObject({ pass: Count, reject: Count, review: Count, fault: Count });

export const Liveness = z.strictObject({ ok: z.literal(true) });
export const Readiness = z.strictObject({
  ready: z.boolean(),
  state: DeviceState.shape.state,
  reasons: z.array(Problem).describe("why the device does not judge every trigger; empty when ready"),
});

/** The same facts as the interface `DeviceStatus`, for the API's documentation and its tests. */
export const StatusBody = z.strictObject({
  device: z.string(),
  line: z.string(),
  version: z.string(),
  startedAt: z.iso.datetime(),
  bootSeq: Count,
  state: DeviceState.shape.state,
  problems: z.array(Problem),
  recipe: z.string().nullable(),
  recipes: z.array(z.string()),
  model: DeviceState.shape.model,
  classes: z.array(ModelClass),
  decision: z
    .strictObject({
      passBelow: DecisionLimits.shape.passBelow,
      rejectFrom: DecisionLimits.shape.rejectFrom,
    })
    .nullable(),
  provider: z.string().nullable(),
  providerFallbacks: z.array(z.strictObject({ provider: z.string(), reason: z.string() })),
  trigger: z.enum(["free", "external"]),
  // Loose: a camera may tell more of itself.
  camera: z.looseObject({
    name: z.string(),
    state: z.string(),
    framesPerSecond: z.number().nonnegative(),
    restarts: Count,
    lastError: z.string().nullable(),
    widthPx: Count.nullable(),
    heightPx: Count.nullable(),
  }),
  broker: z.strictObject({
    url: z.string(),
    connected: z.boolean(),
    lastError: z.string().nullable(),
    backlog: Count.describe("verdicts on disk that the broker has not taken yet"),
    unreadable: Count.describe("messages to the device that did not fit, since its start"),
  }),
  hub: z
    .strictObject({
      url: z.string(),
      enrolled: z.boolean(),
      connected: z.boolean(),
      waiting: Count.describe("hard cases on disk that the hub does not have yet"),
      waitingBytes: Count.describe("of their images"),
      refused: Count.describe("of the waiting, those the hub has declined"),
      sent: Count,
      lost: Count.describe("given up for lack of space"),
      leftOut: Count.describe("chosen and not kept, since this start"),
      hold: z.string().nullable().describe("why nothing is sent now"),
      sentence: z.string().nullable().describe("what a person should know"),
    })
    .nullable()
    .describe("null where no hub has an address"),
  release: z
    .strictObject({
      active: ReleaseReport.shape.active,
      candidate: ReleaseReport.shape.candidate,
      last: ReleaseReport.shape.last,
      sentence: z.string(),
      refusal: z.strictObject({ code: z.string(), sentence: z.string() }).nullable(),
    })
    .nullable()
    .describe("null where no releases are looked for"),
  journal: z.strictObject({ recording: z.boolean(), sentence: z.string().nullable(), bytes: Count }),
  counts: KindCounts,
  triggers: Count,
  pendingTriggers: Count,
  latencyMs: LatencyPercentiles.nullable(),
  inferenceRestarts: Count,
  history: z.array(z.strictObject({ minute: z.iso.datetime(), counts: KindCounts })),
});

export const VerdictList = z.strictObject({ verdicts: z.array(Verdict).describe("newest first") });

export const FrameBody = z.strictObject({
  verdict: Verdict,
  widthPx: z.int().positive(),
  heightPx: z.int().positive(),
  image: z.string().describe("address of exactly this frame as JPEG, for a short while"),
  heatmap: z
    .strictObject({ rows: z.int().positive(), cols: z.int().positive(), values: z.array(z.number().min(0).max(1)) })
    .nullable()
    .describe("row-major, 0 cold to 1 hot; null on a fault"),
});
export type FrameBody = z.infer<typeof FrameBody>;

export const VerdictQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(50).describe("how many, newest first"),
});
export const FrameQuery = z.strictObject({
  id: z.uuid().optional().describe("a verdict id from latest.json: the frame of that verdict"),
});
export const InspectQuery = z.strictObject({ part: TriggerRequest.shape.part });
export const VerdictPath = z.strictObject({ id: z.uuid().describe("id of a verdict") });

/** Body of `POST /api/v1/recipe`. */
export const RecipeRequest = z.strictObject({
  recipe: z.string().min(1).max(128).describe("name of the recipe to switch to, between two frames"),
  by: z.string().max(64).default(""),
});

/** Bytes of an encoded image; what is inside is the decoder's business. */
export const ImageBytes = z
  .custom<Uint8Array>((value) => value instanceof Uint8Array, "an image is expected")
  .meta({ type: "string", format: "binary" });
