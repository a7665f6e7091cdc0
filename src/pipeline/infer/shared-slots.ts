import { randomUUID } from "node:crypto";
import { accessSync, closeSync, constants, openSync, readSync, unlinkSync, writeSync, writevSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Bytes of pixels one slot holds, and of results behind them; the file is sparse, so unused room costs nothing. */
export const MAX_PIXEL_BYTES = 192 * 1024 * 1024;
const MAX_RESULT_BYTES = 64 * 1024 * 1024;
const STRIDE_BYTES = MAX_PIXEL_BYTES + MAX_RESULT_BYTES;
const SHARED_MEMORY_PATH = "/dev/shm";

/**
 * Opens the file in memory through which pixels and results pass between the device and its inference processes, and
 * unlinks it at once: only open descriptors, inherited by the processes, keep it, so no kill leaves it behind.
 */
export function openSharedFile(): number {
  const path = join(sharedDirectory(), `sightline-${randomUUID()}`);
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  unlinkSync(path);
  return descriptor;
}

export const closeSharedFile = (descriptor: number): void => closeSync(descriptor);

function sharedDirectory(): string {
  try {
    accessSync(SHARED_MEMORY_PATH, constants.W_OK);
    return SHARED_MEMORY_PATH;
  } catch {
    return tmpdir();
  }
}

export const writePixels = (descriptor: number, slot: number, pixels: Uint8Array): void =>
  writeAll(descriptor, pixels, slot * STRIDE_BYTES);

/** Fills `into` from the start of the slot's pixels. */
export const readPixels = (descriptor: number, slot: number, into: Uint8Array): void =>
  readAll(descriptor, into, slot * STRIDE_BYTES);

/** Writes the arrays one after the other where the slot's results are. */
export function writeResults(descriptor: number, slot: number, results: readonly Float32Array[]): void {
  const total = results.reduce((sum, each) => sum + each.byteLength, 0);
  if (total > MAX_RESULT_BYTES) throw new Error(`its outputs take ${total} bytes, more than ${MAX_RESULT_BYTES}`);
  const start = slot * STRIDE_BYTES + MAX_PIXEL_BYTES;
  if (writevSync(descriptor, [...results], start) === total) return;
  let position = start;
  for (const each of results) {
    writeAll(descriptor, new Uint8Array(each.buffer, each.byteOffset, each.byteLength), position);
    position += each.byteLength;
  }
}

export const readResults = (descriptor: number, slot: number, into: Uint8Array): void =>
  readAll(descriptor, into, slot * STRIDE_BYTES + MAX_PIXEL_BYTES);

/** Positional writes and reads may be short; a full /dev/shm throws ENOSPC here instead of killing the process. */
function writeAll(descriptor: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
}

function readAll(descriptor: number, into: Uint8Array, position: number): void {
  let done = 0;
  while (done < into.length) {
    const read = readSync(descriptor, into, done, into.length - done, position + done);
    if (read === 0) throw new Error(`the shared file ends ${into.length - done} bytes too early`);
    done += read;
  }
}
