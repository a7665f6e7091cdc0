import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

export const CREDENTIALS = { accessKeyId: "AKIASIGHTLINE", secretAccessKey: "a secret of the tests" };

/** What the next requests meet. */
export interface Moods {
  /** So many requests are answered with 503 SlowDown. */
  busy: number;
  /** So many puts are answered 200 and kept with one byte changed. */
  corrupting: number;
  /** false: If-None-Match is answered with 501, as by stores that do not know it. */
  conditions: boolean;
  /** Tags that are no MD5, as of encrypted buckets. */
  opaqueTags: boolean;
}

interface Kept {
  readonly body: Buffer;
  readonly at: Date;
}

/**
 * A store that takes S3 at its word, with one bucket "images": every signature is computed again (AWS Signature Version 4),
 * every body compared with the hash that was signed; bodies in chunks of AWS's own framing are refused.
 */
export class StrictS3 {
  readonly moods: Moods = { busy: 0, corrupting: 0, conditions: true, opaqueTags: false };
  readonly kept = new Map<string, Kept>();
  /** METHOD status, in order. */
  readonly log: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request).then(
        (reply) => this.#send(request, response, reply),
        (error: unknown) => this.#send(request, response, refusal(500, "InternalError", String(error))),
      );
    });
  }

  static async start(): Promise<StrictS3> {
    const s3 = new StrictS3();
    await new Promise<void>((resolve) => s3.#server.listen(0, "127.0.0.1", resolve));
    return s3;
  }

  get endpoint(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #send(request: IncomingMessage, response: ServerResponse, { status, headers = {}, body = "" }: Reply): void {
    this.log.push(`${request.method} ${status}`);
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  async #answer(request: IncomingMessage): Promise<Reply> {
    const body = Buffer.concat(await request.toArray());
    if (this.moods.busy > 0) {
      this.moods.busy--;
      return refusal(503, "SlowDown", "Please reduce your request rate.");
    }
    const url = new URL(request.url ?? "/", "http://localhost");
    const fault = faultOf(request, url, body);
    if (fault !== null) return refusal(403, "AccessDenied", fault);
    const [, bucket, ...rest] = url.pathname.split("/");
    if (bucket !== "images") return refusal(404, "NoSuchBucket", "The specified bucket does not exist");
    const key = rest.join("/");
    if (request.method === "GET" && url.searchParams.get("list-type") === "2") return this.#list(url.searchParams);
    if (request.method === "PUT") return this.#put(request, key, body);
    if (request.method === "DELETE") {
      this.kept.delete(key);
      return { status: 204 };
    }
    const found = this.kept.get(key);
    if (found === undefined) return refusal(404, "NoSuchKey", "The specified key does not exist.");
    return {
      status: 200,
      headers: { etag: this.#tagOf(found), "last-modified": found.at.toUTCString() },
      body: found.body,
    };
  }

  #put(request: IncomingMessage, key: string, body: Buffer): Reply {
    if (request.headers["if-none-match"] !== undefined) {
      if (!this.moods.conditions) return refusal(501, "NotImplemented", "A header you provided implies functionality");
      if (this.kept.has(key)) return refusal(412, "PreconditionFailed", "At least one of the pre-conditions failed");
    }
    const copy = Buffer.from(body);
    if (this.moods.corrupting > 0) {
      this.moods.corrupting--;
      copy[0] = (copy[0] ?? 0) ^ 1;
    }
    const kept = { body: copy, at: new Date() };
    this.kept.set(key, kept);
    return { status: 200, headers: { etag: this.#tagOf(kept) } };
  }

  /** Three a page, so that every reader has to ask again. */
  #list(query: URLSearchParams): Reply {
    const prefix = query.get("prefix") ?? "";
    const after = query.get("continuation-token") ?? "";
    const keys = [...this.kept.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const shown = keys.slice(0, 3);
    const next = keys.length > 3 ? `<NextContinuationToken>${shown.at(-1)}</NextContinuationToken>` : "";
    const contents = shown.map((key) => {
      const at = this.kept.get(key)?.at.toISOString();
      return `<Contents><Key>${key}</Key><LastModified>${at}</LastModified></Contents>`;
    });
    const body = `<ListBucketResult><IsTruncated>${keys.length > 3}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`;
    return { status: 200, headers: { "content-type": "application/xml" }, body };
  }

  #tagOf({ body }: Kept): string {
    const digest = createHash("md5").update(body).digest("hex");
    return this.moods.opaqueTags ? `"${digest}-1"` : `"${digest}"`;
  }
}

interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const refusal = (status: number, code: string, message: string): Reply => ({
  status,
  headers: { "content-type": "application/xml" },
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
});

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
const sign = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** What is wrong with a request's signature or body; null: nothing. */
function faultOf(request: IncomingMessage, url: URL, body: Buffer): string | null {
  const { authorization = "", "x-amz-content-sha256": signedHash, "x-amz-date": date } = request.headers;
  if (typeof signedHash !== "string" || typeof date !== "string")
    return "x-amz-content-sha256 or x-amz-date is missing";
  if (signedHash !== sha256(body)) return `the body is not the one that was signed (${signedHash})`;
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (parts === null) return "the Authorization header is no AWS Signature Version 4";
  const [, accessKeyId, scope = "", signedHeaders = "", signature] = parts;
  if (accessKeyId !== CREDENTIALS.accessKeyId) return "the access key is unknown";
  const headers = signedHeaders.split(";").map((name) => `${name}:${String(request.headers[name] ?? "").trim()}\n`);
  const canonical = [
    request.method,
    url.pathname,
    [...url.searchParams]
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      .sort()
      .join("&"),
    headers.join(""),
    signedHeaders,
    signedHash,
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
  const key = scope
    .split("/")
    .reduce<string | Buffer>((secret, part) => sign(secret, part), `AWS4${CREDENTIALS.secretAccessKey}`);
  return sign(key, toSign).toString("hex") === signature ? null : "the signature does not match";
}
