import type { Fetcher } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error.js";
import { messageOf } from "../contracts/errors.ts";
import { ReleaseRefused } from "./refusal.ts";
import { HttpStatusError, type TransferClient } from "./transfer.ts";

/** Bytes of metadata a device reads, however long the signed metadata says they are. */
export interface MetadataLimits {
  readonly rootBytes: number;
  readonly timestampBytes: number;
  readonly snapshotBytes: number;
  readonly targetsBytes: number;
}

export const METADATA_LIMITS: MetadataLimits = {
  rootBytes: 512_000,
  timestampBytes: 16_384,
  snapshotBytes: 2_000_000,
  targetsBytes: 5_000_000,
};

/** How the updater of tuf-js reaches the network. It is given metadata only; targets have their own download. */
export class MetadataFetcher implements Fetcher {
  /** What stopped the last fetch, before tuf-js wrapped it into a text; null where it went through. */
  lastFault: Error | null = null;
  /** File name of the last fetch, e.g. `3.snapshot.json`. */
  lastFile = "";
  readonly #transfers: TransferClient;
  readonly #limits: MetadataLimits;
  readonly #signal: AbortSignal | undefined;

  constructor(transfers: TransferClient, limits: MetadataLimits, signal: AbortSignal | undefined) {
    this.#transfers = transfers;
    this.#limits = limits;
    this.#signal = signal;
  }

  /** All of `url`. A file that is not there is a DownloadHTTPError: so tuf-js knows the end of the chain of roots. */
  async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    this.lastFile = url.slice(url.lastIndexOf("/") + 1);
    this.lastFault = null;
    const limit = Math.min(maxLength, this.#limitOf(this.lastFile));
    try {
      return await this.#read(url, limit);
    } catch (error) {
      this.#signal?.throwIfAborted();
      const fault = faultOf(url, error);
      // The end of the chain of roots is no fault.
      const absent = fault instanceof DownloadHTTPError && [403, 404].includes(fault.statusCode);
      if (!(absent && this.lastFile.endsWith(".root.json"))) this.lastFault = fault;
      throw fault;
    }
  }

  downloadFile<T>(url: string): Promise<T> {
    return Promise.reject(new Error(`${url}: targets are not fetched this way`));
  }

  async #read(url: string, limit: number): Promise<Buffer> {
    const { body } = await this.#transfers.open(url, 0, this.#signal);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of body) {
      length += chunk.length;
      if (length > limit) {
        throw new ReleaseRefused(
          "METADATA_ENDLESS",
          `${url} is longer than the ${limit} bytes it may have; it was cut off there.`,
        );
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  #limitOf(file: string): number {
    if (/(^|\.)root\.json$/.test(file)) return this.#limits.rootBytes;
    if (file === "timestamp.json") return this.#limits.timestampBytes;
    return file.endsWith("snapshot.json") ? this.#limits.snapshotBytes : this.#limits.targetsBytes;
  }
}

function faultOf(url: string, error: unknown): Error {
  if (error instanceof HttpStatusError) return new DownloadHTTPError(error.message, error.status);
  if (error instanceof ReleaseRefused) return error;
  return new ReleaseRefused("UNREACHABLE", `${url} could not be read to its end: ${messageOf(error)}.`, {
    cause: error,
  });
}
