import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../contracts/errors.ts";
import type { Clock } from "../platform/clock.ts";
import { syncDirectory } from "../platform/durable-file.ts";
import { ReleaseRefused } from "./refusal.ts";
import { HttpStatusError, type TransferClient } from "./transfer.ts";

export interface ExpectedFile {
  readonly url: string;
  /** Lower-case hexadecimal, from signed metadata. */
  readonly sha256: string;
  readonly bytes: number;
}

export interface DownloadOptions {
  readonly transfers: TransferClient;
  readonly clock: Clock;
  /** Holds `SHA256.part` files, which outlive restarts. */
  readonly partsPath: string;
  /** Tries in one go as long as each brings something; the next check goes on from there. */
  readonly tries: number;
  readonly signal: AbortSignal | undefined;
}

const RETRY_MS = 500;

/**
 * Puts the file at `path`: resumed where an earlier try ended, never longer than signed, its hash taken while streaming
 * and again from the disk, synced before it gets its name. Throws ReleaseRefused; what came so far is kept unless wrong.
 */
export async function downloadFile(file: ExpectedFile, path: string, options: DownloadOptions): Promise<void> {
  const partPath = join(options.partsPath, `${file.sha256}.part`);
  await mkdir(options.partsPath, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const before = await sizeOf(partPath);
    try {
      await fillPart(file, partPath, options);
      break;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(await worthAnother(error, before, partPath)) || attempt >= options.tries) throw error;
      await options.clock.sleep(RETRY_MS, options.signal);
    }
  }
  await checkOnDisk(file, partPath);
  await mkdir(dirname(path), { recursive: true });
  await rename(partPath, path);
  await syncDirectory(dirname(path));
}

/** A broken connection that brought something, and a resumed file that was wrong from an earlier time. */
async function worthAnother(error: unknown, before: number, partPath: string): Promise<boolean> {
  if (!(error instanceof ReleaseRefused)) return false;
  if (error.code === "FILE_DAMAGED" || error.code === "FILE_OVERSIZED") return before > 0;
  return error.code === "DOWNLOAD_TRUNCATED" && (await sizeOf(partPath)) > before;
}

async function fillPart(file: ExpectedFile, partPath: string, { transfers, signal }: DownloadOptions): Promise<void> {
  const part = await open(partPath, "a+");
  try {
    let have = (await part.stat()).size;
    if (have > file.bytes) {
      await part.truncate(0);
      have = 0;
    }
    let hash = await hashOf(partPath, have);
    if (have < file.bytes) {
      const { from, body } = await openTransfer(file.url, transfers, have, signal);
      if (from !== have) {
        await part.truncate(from);
        hash = createHash("sha256");
      }
      await append(file, part, body, { hash, have: from });
    }
    await part.sync();
    if (hash.digest("hex") !== file.sha256) {
      await part.truncate(0);
      throw damaged(file, "arrived with other content than was signed");
    }
  } finally {
    await part.close();
  }
}

async function append(
  file: ExpectedFile,
  part: FileHandle,
  body: AsyncIterable<Uint8Array>,
  so: { readonly hash: Hash; have: number },
): Promise<void> {
  for await (const chunk of cutOffIn(body, () => so.have, file)) {
    if (so.have + chunk.length > file.bytes) {
      await part.truncate(0);
      throw new ReleaseRefused(
        "FILE_OVERSIZED",
        `${file.url} goes on after the ${file.bytes} bytes that were signed; it was cut off and thrown away.`,
      );
    }
    await part.appendFile(chunk);
    so.hash.update(chunk);
    so.have += chunk.length;
  }
  if (so.have < file.bytes) throw truncated(file, so.have);
}

/** A connection that breaks is a download cut off; faults of the disk stay what they are. */
async function* cutOffIn(body: AsyncIterable<Uint8Array>, have: () => number, file: ExpectedFile) {
  try {
    yield* body;
  } catch (error) {
    throw error instanceof ReleaseRefused ? error : truncated(file, have(), error);
  }
}

const truncated = (file: ExpectedFile, have: number, cause?: unknown): ReleaseRefused =>
  new ReleaseRefused(
    "DOWNLOAD_TRUNCATED",
    `${file.url} ended after ${have} of ${file.bytes} bytes${cause === undefined ? "" : ` (${messageOf(cause)})`}; ` +
      "the next check goes on from there.",
    { cause },
  );

const damaged = (file: ExpectedFile, what: string): ReleaseRefused =>
  new ReleaseRefused("FILE_DAMAGED", `${file.url} ${what}; it was thrown away and is fetched anew at the next check.`);

async function openTransfer(url: string, transfers: TransferClient, from: number, signal: AbortSignal | undefined) {
  try {
    return await transfers.open(url, from, signal).catch((error: unknown) => {
      // A server that cannot serve this range is asked for the whole.
      if (from > 0 && error instanceof HttpStatusError && error.status !== 404) return transfers.open(url, 0, signal);
      throw error;
    });
  } catch (error) {
    if (!(error instanceof HttpStatusError)) throw error;
    throw new ReleaseRefused("UNREACHABLE", `${error.message}, though the file was signed and published.`, {
      cause: error,
    });
  }
}

async function checkOnDisk(file: ExpectedFile, partPath: string): Promise<void> {
  if ((await sizeOf(partPath)) === file.bytes && (await sha256OfFile(partPath)) === file.sha256) return;
  await rm(partPath, { force: true });
  throw damaged(file, "was changed on this device's disk while it was written; check the disk");
}

async function hashOf(path: string, bytes: number): Promise<Hash> {
  const hash = createHash("sha256");
  if (bytes > 0) for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash;
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
