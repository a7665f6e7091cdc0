import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ERROR_CODES, messageOf, SightlineError } from "../../contracts/errors.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { systemClock } from "../../platform/clock.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";

const RETRIES: RetryPolicy = { firstMs: 500, maxMs: 10_000, jitter: 0.3 };
const ATTEMPTS = 5;

export interface HubAccess {
  readonly url: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

/** Asks a hub, again where it does not answer. Throws SightlineError HUB_UNREACHABLE, or HUB_REFUSES with what it said. */
export class HubClient {
  readonly #access: HubAccess;

  constructor(access: HubAccess) {
    this.#access = access;
  }

  async json(path: string): Promise<unknown> {
    return this.#again(async () => (await this.#get(path)).json());
  }

  /** What `read` makes of the bytes at `path`; from the start again where the connection breaks. */
  async read<T>(path: string, read: (bytes: AsyncIterable<Uint8Array>) => Promise<T>): Promise<T> {
    return this.#again(async () => read((await this.#get(path)).body ?? Readable.from([])));
  }

  /** Writes what lies at `path` into a file, whole or not at all; its hash is checked. Returns its media type. */
  async download(path: string, to: string, sha256: string): Promise<string> {
    return this.#again(async () => {
      const response = await this.#get(path);
      const hash = createHash("sha256");
      const body: AsyncIterable<Uint8Array> = response.body ?? Readable.from([]);
      await pipeline(
        body,
        async function* (bytes: AsyncIterable<Uint8Array>) {
          for await (const piece of bytes) {
            hash.update(piece);
            yield piece;
          }
        },
        createWriteStream(`${to}.part`),
      );
      const found = hash.digest("hex");
      if (found !== sha256) throw new Error(`the image ${sha256} arrived with the SHA-256 ${found}`);
      await rename(`${to}.part`, to);
      return response.headers.get("content-type") ?? "";
    });
  }

  async #again<T>(ask: () => Promise<T>): Promise<T> {
    const { url, signal } = this.#access;
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof SightlineError && !ERROR_CODES[error.code].retryable) throw error;
        if (attempt + 1 === ATTEMPTS) {
          throw new SightlineError("HUB_UNREACHABLE", `${url}: ${reasonOf(error)}`, { cause: error });
        }
        await systemClock.sleep(retryDelayMs(RETRIES, attempt, Math.random), signal);
      }
    }
  }

  async #get(path: string): Promise<Response> {
    const { url, token, signal } = this.#access;
    const address = `${url.replace(/\/+$/, "")}${path}`;
    // A redirect would carry the token to who knows where.
    const response = await fetch(address, { headers: { authorization: `Bearer ${token}` }, signal, redirect: "error" });
    if (response.ok) return response;
    const said = ErrorBody.safeParse(await response.json().catch(() => null));
    const sentence = said.success ? said.data.error.message : `it answered with status ${response.status}`;
    if (response.status >= 500 || response.status === 429) throw new Error(sentence);
    throw new SightlineError("HUB_REFUSES", `${new URL(address).origin}: ${sentence}`);
  }
}

/** `fetch` says "fetch failed" and hides why. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
