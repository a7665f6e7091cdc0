import type { Readable } from "node:stream";

/** A file on the hub's disk whose hash was taken while it arrived. */
export interface HashedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Where image bytes lie, named by their SHA-256. Every adapter passes the same tests. */
export interface ObjectStore {
  /** On return the bytes survive a power cut. Storing what is there already is no error. The file stays the caller's. */
  put(file: HashedFile): Promise<void>;
  /** null: not there. */
  get(sha256: string): Promise<Readable | null>;
  has(sha256: string): Promise<boolean>;
  /** Names of everything stored, in no order. */
  list(): AsyncIterable<string>;
  remove(sha256: string): Promise<void>;
}
