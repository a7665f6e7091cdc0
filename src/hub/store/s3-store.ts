import { hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import type { HashedContent, HashedFile, ObjectStore, StoredObject } from "./object-store.ts";
import { damaged, verified } from "./verified-stream.ts";

export interface S3Settings {
  readonly bucket: string;
  readonly region: string;
  /** Of a store that is not Amazon's; null: Amazon's for the region. */
  readonly endpoint: string | null;
  /** Before every name, for buckets that hold other things too: "images/". */
  readonly prefix: string;
  /** null: from the environment or the machine's role, as the SDK looks for them. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
}

/** The SDK waits longer after each: about 5 s in all. */
const ATTEMPTS = 6;
const NAME = /^[0-9a-f]{64}$/;

/**
 * Images in a bucket of any store that speaks S3. What was stored is checked by us: stores exist that answer 200 and keep
 * other bytes. Bodies are sent whole, because the checksums that the SDK would add to streams are what those trip over.
 */
export class S3Store implements ObjectStore {
  readonly #settings: S3Settings;
  readonly #client: S3Client;
  /** false after the store said that it knows no conditions. */
  #conditional = true;

  constructor(settings: S3Settings) {
    this.#settings = settings;
    this.#client = new S3Client({
      region: settings.region,
      maxAttempts: ATTEMPTS,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      ...(settings.endpoint === null ? {} : { endpoint: settings.endpoint, forcePathStyle: true }),
      ...(settings.credentials === null ? {} : { credentials: settings.credentials }),
    });
  }

  async put(file: HashedFile | HashedContent): Promise<void> {
    const body = "content" in file ? file.content : await readFile(file.path);
    const from = "content" in file ? "memory" : file.path;
    if (hash("sha256", body) !== file.sha256) throw damaged(file.sha256, from);
    await this.#answer(`store ${file.sha256}`, async () => {
      if (!(await this.#write(file.sha256, body, this.#conditional)) && !(await this.#holds(file.sha256, body))) {
        await this.#write(file.sha256, body, false); // what lay under the name was damaged
      }
    });
  }

  async get(sha256: string): Promise<Readable | null> {
    const key = this.#keyOf(sha256);
    return this.#answer(`read ${sha256}`, async () => {
      const reply = await this.#client
        .send(new GetObjectCommand({ Bucket: this.#settings.bucket, Key: key }))
        .catch(absent);
      if (reply === null) return null;
      if (!(reply.Body instanceof Readable)) throw new Error("the reply has no body");
      return verified(reply.Body, sha256, `${this.#settings.bucket}/${key}`);
    });
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.#head(sha256)) !== null;
  }

  async *list(): AsyncGenerator<StoredObject> {
    const { bucket, prefix } = this.#settings;
    try {
      for await (const page of paginateListObjectsV2({ client: this.#client }, { Bucket: bucket, Prefix: prefix })) {
        for (const { Key = "", LastModified } of page.Contents ?? []) {
          const sha256 = Key.slice(prefix.length);
          if (NAME.test(sha256)) yield { sha256, storedAt: LastModified?.getTime() ?? Number.MAX_SAFE_INTEGER };
        }
      }
    } catch (error) {
      throw this.#failure("list", error);
    }
  }

  async remove(sha256: string): Promise<void> {
    const key = this.#keyOf(sha256);
    await this.#answer(`remove ${sha256}`, () =>
      this.#client.send(new DeleteObjectCommand({ Bucket: this.#settings.bucket, Key: key })),
    );
  }

  close(): void {
    this.#client.destroy();
  }

  /** false: something is there under the name already. On true the store holds these bytes, checked. */
  async #write(sha256: string, body: Buffer, onlyIfAbsent: boolean): Promise<boolean> {
    const request = new PutObjectCommand({
      Bucket: this.#settings.bucket,
      Key: this.#keyOf(sha256),
      Body: body,
      ContentLength: body.length,
      ...(onlyIfAbsent ? { IfNoneMatch: "*" } : {}),
    });
    try {
      const { ETag } = await this.#client.send(request);
      if (isMd5Of(ETag, body)) return true;
    } catch (error) {
      const status = statusOf(error);
      if (status === 412 || status === 409) return false;
      if (status !== 501 || !onlyIfAbsent) throw error;
      this.#conditional = false;
      return this.#write(sha256, body, false);
    }
    if (await this.#holds(sha256, body)) return true;
    await this.remove(sha256);
    throw new Error("the store answered 200 and kept other bytes; they were removed");
  }

  /** By its tag where that is an MD5, as it is for most stores; else by reading it back. */
  async #holds(sha256: string, body: Buffer): Promise<boolean> {
    const head = await this.#head(sha256);
    if (head === null || head.ContentLength !== body.length) return false;
    if (isMd5Of(head.ETag, body)) return true;
    const stored = await this.get(sha256);
    if (stored === null) return false;
    try {
      for await (const chunk of stored) void chunk;
      return true;
    } catch (error) {
      if (error instanceof SightlineError && error.code === "OBJECT_DAMAGED") return false;
      throw error;
    }
  }

  #head(sha256: string) {
    const request = new HeadObjectCommand({ Bucket: this.#settings.bucket, Key: this.#keyOf(sha256) });
    return this.#answer(`look for ${sha256}`, () => this.#client.send(request).catch(absent));
  }

  #keyOf(sha256: string): string {
    if (!NAME.test(sha256)) throw new SightlineError("OBJECT_STORE_FAILED", `"${sha256}" is no SHA-256`);
    return this.#settings.prefix + sha256;
  }

  async #answer<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw error instanceof SightlineError ? error : this.#failure(what, error);
    }
  }

  #failure(what: string, cause: unknown): SightlineError {
    const { bucket, endpoint } = this.#settings;
    const detail = `cannot ${what} in bucket ${bucket}${endpoint === null ? "" : ` at ${endpoint}`}: ${messageOf(cause)}`;
    return new SightlineError("OBJECT_STORE_FAILED", `${detail}; check address, credentials and rights`, { cause });
  }
}

const isMd5Of = (tag: string | undefined, body: Buffer): boolean =>
  tag !== undefined && tag.replaceAll('"', "") === hash("md5", body);

const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

function absent(error: unknown): null {
  if (statusOf(error) === 404) return null;
  throw error;
}
