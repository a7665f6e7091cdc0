import type { Readable } from "node:stream";

/** A file on the hub's disk whose hash was taken while it arrived. */
export interface HashedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Bytes in memory whose hash was taken while they arrived. */
export interface HashedContent {
  readonly content: Buffer;
  readonly bytes: number;
  readonly sha256: string;
}

export interface StoredObject {
  readonly sha256: string;
  /** Unix ms, by the store's clock. */
  readonly storedAt: number;
}

/**
 * Where image bytes lie, named by their SHA-256. Every adapter passes the same tests. Throws SightlineError
 * OBJECT_STORE_FAILED where the store does not answer or does not keep what it was given.
 */
export interface ObjectStore {
  /** On return the bytes survive a power cut. Storing what is there already is no error. The file stays the caller's. */
  put(file: HashedFile | HashedContent): Promise<void>;
  /** null: not there. The stream fails at its end with OBJECT_DAMAGED where the bytes are not those of the name. */
  get(sha256: string): Promise<Readable | null>;
  has(sha256: string): Promise<boolean>;
  /** Everything stored, in ascending order of the names. */
  list(): AsyncIterable<StoredObject>;
  /** Removing what is not there is no error. */
  remove(sha256: string): Promise<void>;
}
