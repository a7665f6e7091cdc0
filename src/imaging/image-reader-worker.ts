import { readFileSync, statSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { messageOf } from "../contracts/errors.ts";
import { decodeImageNow } from "./decode-image.ts";
import { STOP, type ReadAnswer, type ReadFile, type ReadQuestion } from "./image-reader-messages.ts";

const MAX_FILE_BYTES = 512 * 1024 * 1024;

function read(path: string, maxPixels: number): ReadFile {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) {
      const detail = `its file has ${size} bytes, more than ${MAX_FILE_BYTES}`;
      return { decoded: { ok: false, reason: "wrong-size", detail } };
    }
    const bytes = readFileSync(path);
    const decoded = decodeImageNow(bytes, { maxPixels });
    return decoded === undefined ? { bytes } : { decoded };
  } catch (error) {
    return { decoded: { ok: false, reason: "unreadable", detail: `its file cannot be read: ${messageOf(error)}` } };
  }
}

parentPort?.on("message", (question: ReadQuestion | typeof STOP) => {
  if (question === STOP) {
    parentPort?.close(); // nothing is left to wait for: the thread ends
    return;
  }
  const { call, paths, maxPixels } = question;
  const images = paths.map((path) => {
    const startedTick = performance.now();
    return { ...read(path, maxPixels), readMs: performance.now() - startedTick };
  });
  const answer: ReadAnswer = { call, images };
  // The decoder gives every image memory of its own, so it moves to the other thread without a copy.
  const moved = images.flatMap((image) =>
    "decoded" in image && image.decoded.ok ? [image.decoded.image.pixels.buffer as ArrayBuffer] : [],
  );
  parentPort?.postMessage(answer, moved);
});
