import { z } from "zod";

/**
 * What passes between the device and one inference process, over one stream: frames of a 5-byte header (payload
 * length as uint32 little-endian, kind) and a payload. A run and its result are fixed binary, for they are the hot
 * path; the rare rest is JSON. Pixels and results themselves lie in the shared file (shared-slots.ts).
 */
export const FRAME_RUN = 1;
export const FRAME_MESSAGE = 2;
const HEADER_BYTES = 5;
const RUN_BYTES = 16;
const RESULT_BYTES = 24;

const Provider = z.enum(["tensorrt", "cuda", "cpu"]);
const RequestId = z.int().nonnegative();

/** From the device. */
export const Order = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("probe"), id: RequestId, provider: Provider }),
  z.strictObject({
    kind: z.literal("load"),
    id: RequestId,
    model: z.int().nonnegative(),
    path: z.string(),
    sha256: z.string(),
    widthPx: z.int().positive(),
    heightPx: z.int().positive(),
    classCount: z.int().positive(),
    provider: Provider,
    threads: z.int().positive(),
  }),
  z.strictObject({ kind: z.literal("unload"), id: RequestId, model: z.int().nonnegative() }),
  z.strictObject({ kind: z.literal("stop"), id: RequestId }),
]);
export type Order = z.infer<typeof Order>;
export type LoadOrder = Extract<Order, { kind: "load" }>;

/** To the device. `provider` as cause means: the model may be fine, this provider cannot run it. */
export const Report = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("started"), backends: z.array(z.string()) }),
  z.strictObject({ kind: z.literal("done"), id: RequestId }),
  z.strictObject({
    kind: z.literal("failed"),
    id: RequestId,
    cause: z.enum(["provider", "bundle", "run"]),
    detail: z.string(),
  }),
]);
export type Report = z.infer<typeof Report>;

export interface RunOrder {
  readonly id: number;
  readonly slot: number;
  readonly model: number;
  readonly count: number;
}

/** Sizes of the results in the slot: probabilities [count, C], embedding [count, D], heatmap [count, C, h, w]. */
export interface RunReport {
  readonly id: number;
  readonly embeddingSize: number;
  readonly heatmapHeight: number;
  readonly heatmapWidth: number;
  readonly inferMs: number;
}

export function encodeRun(run: RunOrder): Buffer {
  const frame = frameOf(FRAME_RUN, RUN_BYTES);
  frame.writeUInt32LE(run.id, 5);
  frame.writeUInt32LE(run.slot, 9);
  frame.writeUInt32LE(run.model, 13);
  frame.writeUInt32LE(run.count, 17);
  return frame;
}

export const decodeRun = (payload: Buffer): RunOrder => ({
  id: payload.readUInt32LE(0),
  slot: payload.readUInt32LE(4),
  model: payload.readUInt32LE(8),
  count: payload.readUInt32LE(12),
});

export function encodeRunReport(report: RunReport): Buffer {
  const frame = frameOf(FRAME_RUN, RESULT_BYTES);
  frame.writeUInt32LE(report.id, 5);
  frame.writeUInt32LE(report.embeddingSize, 9);
  frame.writeUInt32LE(report.heatmapHeight, 13);
  frame.writeUInt32LE(report.heatmapWidth, 17);
  frame.writeDoubleLE(report.inferMs, 21);
  return frame;
}

export const decodeRunReport = (payload: Buffer): RunReport => ({
  id: payload.readUInt32LE(0),
  embeddingSize: payload.readUInt32LE(4),
  heatmapHeight: payload.readUInt32LE(8),
  heatmapWidth: payload.readUInt32LE(12),
  inferMs: payload.readDoubleLE(16),
});

export function encodeMessage(message: Order | Report): Buffer {
  const payload = Buffer.from(JSON.stringify(message));
  const frame = frameOf(FRAME_MESSAGE, payload.length);
  payload.copy(frame, HEADER_BYTES);
  return frame;
}

/** Throws a ZodError for what is no order. */
export const decodeOrder = (payload: Buffer): Order => Order.parse(JSON.parse(payload.toString()));
/** Throws a ZodError for what is no report. */
export const decodeReport = (payload: Buffer): Report => Report.parse(JSON.parse(payload.toString()));

function frameOf(kind: number, payloadBytes: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes);
  frame.writeUInt32LE(payloadBytes, 0);
  frame.writeUInt8(kind, 4);
  return frame;
}

export interface ReceivedFrame {
  readonly kind: number;
  readonly payload: Buffer;
}

/** Cuts a stream of chunks into frames. */
export class FrameCutter {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /** The next whole frame, or undefined until more has been pushed. */
  take(): ReceivedFrame | undefined {
    if (this.#rest.length < HEADER_BYTES) return undefined;
    const end = HEADER_BYTES + this.#rest.readUInt32LE(0);
    if (this.#rest.length < end) return undefined;
    const frame = { kind: this.#rest.readUInt8(4), payload: this.#rest.subarray(HEADER_BYTES, end) };
    this.#rest = this.#rest.subarray(end);
    return frame;
  }
}
