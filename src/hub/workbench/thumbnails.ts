import { thumbnailOf } from "../../imaging/thumbnail.ts";

const SIDE_PX = 360;
const MAX_PIXELS = 100_000_000;

/** Thumbnails by the hash of their image, made once and kept while there is room; the oldest used go first. */
export class Thumbnails {
  readonly #most: number;
  #bytes = 0;
  readonly #kept = new Map<string, Uint8Array>();
  readonly #making = new Map<string, Promise<Uint8Array>>();

  constructor(mostBytes: number) {
    this.#most = mostBytes;
  }

  /** `read` gives the whole image; rejects as it does, or where the image cannot be decoded. */
  async of(sha256: string, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const kept = this.#kept.get(sha256);
    if (kept !== undefined) {
      this.#kept.delete(sha256);
      this.#kept.set(sha256, kept);
      return kept;
    }
    const making = this.#making.get(sha256) ?? this.#make(sha256, read);
    this.#making.set(sha256, making);
    try {
      return await making;
    } finally {
      this.#making.delete(sha256);
    }
  }

  async #make(sha256: string, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const made = await thumbnailOf(await read(), SIDE_PX, MAX_PIXELS);
    this.#kept.set(sha256, made);
    this.#bytes += made.byteLength;
    for (const [name, bytes] of this.#kept) {
      if (this.#bytes <= this.#most) break;
      this.#kept.delete(name);
      this.#bytes -= bytes.byteLength;
    }
    return made;
  }
}
