import { open, stat } from "node:fs/promises";
import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, get as httpsGet } from "node:https";
import { fileURLToPath } from "node:url";
import { messageOf } from "../contracts/errors.ts";
import type { Clock } from "../platform/clock.ts";
import { ReleaseRefused } from "./refusal.ts";

export interface TransferLimits {
  /** Slower than this over `patienceMs` is refused: a server must not hold a device's updates by dripping. */
  readonly minBytesPerSecond: number;
  /** Silence before the first byte, and the window over which the throughput is measured. */
  readonly patienceMs: number;
}

export const TRANSFER_LIMITS: TransferLimits = { minBytesPerSecond: 4096, patienceMs: 20_000 };

export interface Transfer {
  /** Offset of the first byte: what was asked for, or 0 where the server does not resume. */
  readonly from: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The server answered, but not with the file. */
export class HttpStatusError extends Error {
  readonly status: number;

  constructor(url: string, status: number) {
    super(`${url} was answered with HTTP status ${status}`);
    this.status = status;
  }
}

/** Reads http:, https: and file: URLs. Connections are kept alive until `close`. Redirects are not followed. */
export class TransferClient {
  readonly #clock: Clock;
  readonly #limits: TransferLimits;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: 2 });
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: 2 });

  constructor(clock: Clock, limits: TransferLimits, headers: Readonly<Record<string, string>> = {}) {
    this.#clock = clock;
    this.#limits = limits;
    this.#headers = headers;
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /**
   * Opens `url` from byte `from` on. Throws HttpStatusError (404 for a file that is not there), ReleaseRefused
   * UNREACHABLE or TRANSFER_TOO_SLOW; the body throws the latter, or whatever broke the connection.
   */
  async open(url: string, from: number, signal: AbortSignal | undefined): Promise<Transfer> {
    signal?.throwIfAborted();
    const { protocol } = new URL(url);
    if (protocol === "file:") return openFile(url, from);
    if (protocol !== "http:" && protocol !== "https:") {
      throw new ReleaseRefused("UNREACHABLE", `${url} cannot be fetched: use http, https or file.`);
    }
    const response = await this.#request(url, from, signal);
    const status = response.statusCode ?? 0;
    if (status === 200) return { from: 0, body: this.#watched(url, response, signal) };
    if (status === 206 && startOf(response) === from) return { from, body: this.#watched(url, response, signal) };
    response.destroy();
    throw new HttpStatusError(url, status);
  }

  #request(url: string, from: number, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const secure = url.startsWith("https:");
    const options = {
      agent: secure ? this.#https : this.#http,
      headers: {
        "accept-encoding": "identity",
        ...this.#headers,
        ...(from > 0 ? { range: `bytes=${from}-` } : {}),
      },
      ...(signal === undefined ? {} : { signal }),
    };
    return new Promise((resolve, reject) => {
      const request = (secure ? httpsGet : httpGet)(url, options, (response) => {
        stopWaiting();
        resolve(response);
      });
      const stopWaiting = this.#clock.after(this.#limits.patienceMs, () => {
        request.destroy(tooSlow(url, `did not answer within ${this.#limits.patienceMs / 1000} s`));
      });
      request.on("error", (error) => {
        stopWaiting();
        if (signal?.aborted === true) reject(signal.reason as Error);
        else if (error instanceof ReleaseRefused) reject(error);
        else
          reject(new ReleaseRefused("UNREACHABLE", `${url} cannot be reached: ${messageOf(error)}.`, { cause: error }));
      });
    });
  }

  /** The body, ended with TRANSFER_TOO_SLOW once a window brought too little. Time that the reader takes is not counted. */
  async *#watched(
    url: string,
    response: IncomingMessage,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { minBytesPerSecond, patienceMs } = this.#limits;
    const needed = (minBytesPerSecond * patienceMs) / 1000;
    const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    let windowBytes = 0;
    let windowMs = 0;
    try {
      for (;;) {
        const startTick = this.#clock.tick();
        const cancel = this.#clock.after(Math.max(1, patienceMs - windowMs), () => {
          response.destroy(tooSlow(url, `sent ${windowBytes} bytes in ${patienceMs / 1000} s`));
        });
        const next = await chunks.next().finally(cancel);
        if (next.done === true) return;
        windowMs += this.#clock.tick() - startTick;
        windowBytes += next.value.length;
        if (windowBytes >= needed) [windowBytes, windowMs] = [0, 0];
        else if (windowMs >= patienceMs) throw tooSlow(url, `sent ${windowBytes} bytes in ${patienceMs / 1000} s`);
        yield next.value;
      }
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    } finally {
      // Read to its end a connection goes back to the agent; anything else must not linger.
      if (!response.complete) response.destroy();
    }
  }
}

const tooSlow = (url: string, what: string): ReleaseRefused =>
  new ReleaseRefused(
    "TRANSFER_TOO_SLOW",
    `${url} ${what}, which is too slow; check the network, or lower the required throughput for this line.`,
  );

const startOf = (response: IncomingMessage): number =>
  Number(/^bytes (\d+)-/.exec(response.headers["content-range"] ?? "")?.[1] ?? NaN);

async function openFile(url: string, from: number): Promise<Transfer> {
  const path = fileURLToPath(url);
  const status = await stat(path).catch(() => null);
  if (status?.isFile() !== true) throw new HttpStatusError(url, 404);
  if (from > status.size) throw new HttpStatusError(url, 416);
  const file = await open(path, "r");
  return { from, body: file.createReadStream({ start: from }) as AsyncIterable<Uint8Array> };
}
