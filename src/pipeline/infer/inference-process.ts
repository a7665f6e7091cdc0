import { readSync, writeSync } from "node:fs";
import { listSupportedBackends } from "onnxruntime-node";
import { messageOf } from "../../contracts/errors.ts";
import {
  FRAME_RUN,
  FrameCutter,
  decodeOrder,
  decodeRun,
  encodeMessage,
  encodeRunReport,
  type Order,
  type ReceivedFrame,
  type Report,
  type RunOrder,
} from "./process-frames.ts";
import { GraphSession, RefusedGraph, probeProvider } from "./graph-session.ts";
import { writeResults, readPixels } from "./shared-slots.ts";

/**
 * Entry of an inference process: obeys the frames on descriptor 3, one after the other, with the shared file on
 * descriptor 4. Reading blocks on purpose: onnxruntime blocks this thread anyway, and a blocking read costs less
 * than an event loop. The stream ends when the device does, killed or not, and then so does this process.
 */
const ORDERS = 3;
const SHARED_FILE = 4;
const READ_BYTES = 64 * 1024;

const sessions = new Map<number, GraphSession>();
let pixelBuffer = new Uint8Array(0);

async function serve(): Promise<void> {
  const cutter = new FrameCutter();
  for (;;) {
    const frame = cutter.take();
    if (frame !== undefined) {
      if (await obey(frame)) return;
      continue;
    }
    const chunk = Buffer.allocUnsafe(READ_BYTES);
    const length = readSync(ORDERS, chunk);
    if (length === 0) return;
    cutter.push(chunk.subarray(0, length));
  }
}

/** True when the process is to end. */
async function obey({ kind, payload }: ReceivedFrame): Promise<boolean> {
  if (kind === FRAME_RUN) {
    await run(decodeRun(payload));
    return false;
  }
  const order = decodeOrder(payload);
  try {
    await fulfil(order);
    report({ kind: "done", id: order.id });
  } catch (error) {
    const cause = error instanceof RefusedGraph ? error.fault : "run";
    report({ kind: "failed", id: order.id, cause, detail: messageOf(error) });
  }
  return order.kind === "stop";
}

async function fulfil(order: Order): Promise<void> {
  switch (order.kind) {
    case "probe":
      return probeProvider(order.provider);
    case "load":
      sessions.set(order.model, await GraphSession.open(order));
      return;
    case "unload":
      await sessions.get(order.model)?.release();
      sessions.delete(order.model);
      return;
    case "stop":
      for (const session of sessions.values()) await session.release();
  }
}

async function run(order: RunOrder): Promise<void> {
  try {
    const session = sessions.get(order.model);
    if (session === undefined) throw new Error("the model is not loaded in this process");
    const pixels = pixelRoom(order.count * session.regionBytes);
    readPixels(SHARED_FILE, order.slot, pixels);
    const { results, ...sizes } = await session.run(pixels, order.count);
    writeResults(SHARED_FILE, order.slot, results);
    writeAll(encodeRunReport({ id: order.id, ...sizes }));
  } catch (error) {
    report({ kind: "failed", id: order.id, cause: "run", detail: messageOf(error) });
  }
}

/** One buffer for all requests: they run one after the other. */
function pixelRoom(bytes: number): Uint8Array {
  if (pixelBuffer.length < bytes) pixelBuffer = new Uint8Array(bytes);
  return pixelBuffer.subarray(0, bytes);
}

const report = (message: Report): void => writeAll(encodeMessage(message));

function writeAll(bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(ORDERS, bytes, done);
}

// Ctrl-C reaches the whole terminal group; the device decides when this process ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
report({ kind: "started", backends: listSupportedBackends().map((backend) => backend.name) });
await serve();
process.exit(0);
