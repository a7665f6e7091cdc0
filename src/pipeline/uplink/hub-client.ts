import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { messageOf } from "../../contracts/errors.ts";
import type { Bandwidth } from "./bandwidth.ts";
import type { HubReply } from "./hub-answer.ts";

export interface HubRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST";
  /** Below the hub's address, from /api on. */
  readonly path: string;
  readonly credential: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly signal: AbortSignal;
}

export interface HubAddress {
  readonly url: string;
  /** Certificate authority of the plant, PEM; undefined: those the system knows. */
  readonly ca?: string;
}

/** Without a sign of life for so long a connection is given up. */
const SILENCE_MS = 30_000;
const MOST_REPLY_BYTES = 4 * 1024 * 1024;

/** Speaks HTTP with one hub over connections that are kept open. Sends no faster than the bandwidth allows. */
export class HubClient {
  readonly #base: URL;
  readonly #agent: HttpAgent;
  readonly #bandwidth: Bandwidth;

  constructor({ url, ca }: HubAddress, bandwidth: Bandwidth) {
    this.#base = new URL(url);
    this.#bandwidth = bandwidth;
    const options = { keepAlive: true, maxSockets: 4 };
    this.#agent =
      this.#base.protocol === "https:"
        ? new HttpsAgent({ ...options, ...(ca === undefined ? {} : { ca }) })
        : new HttpAgent(options);
  }

  /** Rejects with an Error whose message says why there is no answer, or with the signal's reason. */
  async ask(request: HubRequest): Promise<HubReply> {
    const first = await this.#send(request);
    // The hub closed a connection just when it was used again: that says nothing about the hub.
    return first === "stale" ? this.#sentReply(request) : first;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #sentReply(request: HubRequest): Promise<HubReply> {
    const reply = await this.#send(request);
    if (reply === "stale") throw new Error("it closed the connection");
    return reply;
  }

  async #send({ method, path, credential, headers, body, signal }: HubRequest): Promise<HubReply | "stale"> {
    const bytes = typeof body === "string" ? Buffer.from(body) : (body ?? new Uint8Array());
    const send = this.#base.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send({
      protocol: this.#base.protocol,
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ""),
      port: this.#base.port,
      path: `${this.#base.pathname.replace(/\/$/, "")}${path}`,
      method,
      agent: this.#agent,
      timeout: SILENCE_MS,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-length": String(bytes.length) }),
        ...(credential === null ? {} : { authorization: `Bearer ${credential}` }),
        ...headers,
      },
    });
    const abort = (): void => void request.destroy(new Error("given up"));
    signal.addEventListener("abort", abort, { once: true });
    request.on("timeout", () => request.destroy(new Error(`it has been silent for ${SILENCE_MS / 1000} s`)));
    const replied = this.#reply(request);
    try {
      await this.#write(request, bytes, replied, signal);
      return await replied;
    } catch (error) {
      request.destroy();
      replied.catch(() => undefined); // the same trouble, told once
      signal.throwIfAborted();
      if (request.reusedSocket && isReset(error)) return "stale";
      throw new Error(sentenceFor(error), { cause: error });
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** In pieces, so that the bandwidth holds; not to its end where the hub has answered already. */
  async #write(
    request: ClientRequest,
    bytes: Uint8Array,
    replied: Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    let over = false;
    const end = replied.then(
      () => void (over = true),
      () => void (over = true),
    );
    for (let start = 0; start < bytes.length && !over;) {
      const piece = bytes.subarray(start, start + this.#bandwidth.pieceBytes);
      await this.#bandwidth.take(piece.length, signal);
      if (!request.write(piece)) await Promise.race([new Promise((resolve) => request.once("drain", resolve)), end]);
      start += piece.length;
    }
    if (!over) request.end();
  }

  #reply(request: ClientRequest): Promise<HubReply> {
    return new Promise((resolve, reject) => {
      request.on("error", reject);
      request.on("response", (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > MOST_REPLY_BYTES) request.destroy(new Error("its answer does not end"));
          else chunks.push(chunk);
        });
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, text: Buffer.concat(chunks).toString("utf8") });
          if (!request.writableEnded) request.destroy(); // answered before all was sent: the rest is not wanted
        });
      });
    });
  }
}

const codeOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
};

const isReset = (error: unknown): boolean => ["ECONNRESET", "EPIPE"].includes(codeOf(error));

const SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection",
  ENOTFOUND: "its name is not known to the network",
  EAI_AGAIN: "its name cannot be looked up: the network is away",
  ENETUNREACH: "there is no way to it: the network is away",
  EHOSTUNREACH: "there is no way to it: the network is away",
  ETIMEDOUT: "it does not answer",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by nobody known here; name the authority in hub.caFile",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by nobody known here; name the authority in hub.caFile",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by nobody known here; name the authority in hub.caFile",
  CERT_HAS_EXPIRED: "its certificate has expired; or the clock of this device is wrong",
};

const sentenceFor = (error: unknown): string => SENTENCES[codeOf(error)] ?? messageOf(error);
