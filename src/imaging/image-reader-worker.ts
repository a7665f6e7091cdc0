import { readFileSync, statSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { messageOf } from "../contracts/errors.ts";
import { decodeImageNow } from "./decode-image.ts";
import type { ReadAnswer, ReadQuestion } from "./image-reader.ts";

const MAX_FILE_BYTES = 512 * 1024 * 1024;

function read({ call, path, maxPixels }: ReadQuestion): ReadAnswer {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) {
      const detail = `its file has ${size} bytes, more than ${MAX_FILE_BYTES}`;
      return { call, decoded: { ok: false, reason: "wrong-size", detail } };
    }
    const bytes = readFileSync(path);
    const decoded = decodeImageNow(bytes, { maxPixels });
    return decoded === undefined ? { call, bytes } : { call, decoded };
  } catch (error) {
    return { call, decoded: { ok: false, reason: "unreadable", detail: `its file cannot be read: ${messageOf(error)}` } };
  }
}

parentPort?.on("message", (question: ReadQuestion) => {
  const answer = read(question);
  // The decoder gives every image memory of its own, so it moves to the other thread without a copy.
  const moved = "decoded" in answer && answer.decoded.ok ? [answer.decoded.image.pixels.buffer as ArrayBuffer] : [];
  parentPort?.postMessage(answer, moved);
});
