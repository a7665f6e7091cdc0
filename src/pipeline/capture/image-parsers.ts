import type { MonotonicMs } from "../../platform/clock.ts";
import { SightlineError } from "../../contracts/errors.ts";
import type { Image } from "../frame.ts";

export type DeliverImage = (image: Image, firstByteTick: MonotonicMs) => void;

/** Cuts a byte stream into images. Each byte is copied once, into the array the image keeps. */
export interface ImageParser {
  /** `arrivedTick` is when `chunk` was read; an image gets that of its first byte. */
  push(chunk: Uint8Array, arrivedTick: MonotonicMs, deliver: DeliverImage): void;
  /** "120 of 76800 bytes" when the stream stands in the middle of an image, else undefined. */
  unfinished(): string | undefined;
}

const NEWLINE = 0x0a;
const MAX_HEADER_BYTES = 32;
const MAX_IMAGE_BYTES = 1_000_000_000;

interface OpenImage {
  readonly pixels: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly channels: 1 | 3;
  readonly firstByteTick: MonotonicMs;
  filledBytes: number;
}

/**
 * Netpbm images (P5 grey, P6 RGB, 8 bit) one after another: every image states its own size, which headerless raw
 * video does not.
 */
export class NetpbmParser implements ImageParser {
  #header = "";
  #headerTick: MonotonicMs | undefined;
  #open: OpenImage | undefined;

  push(chunk: Uint8Array, arrivedTick: MonotonicMs, deliver: DeliverImage): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#open === undefined) {
        at = this.#readHeader(chunk, at, arrivedTick);
        continue;
      }
      const open = this.#open;
      const taken = Math.min(chunk.length - at, open.pixels.length - open.filledBytes);
      open.pixels.set(chunk.subarray(at, at + taken), open.filledBytes);
      open.filledBytes += taken;
      at += taken;
      if (open.filledBytes < open.pixels.length) continue;
      this.#open = undefined;
      const { pixels, widthPx, heightPx, channels, firstByteTick } = open;
      deliver({ pixels, widthPx, heightPx, channels }, firstByteTick);
    }
  }

  unfinished(): string | undefined {
    if (this.#open !== undefined) return `${this.#open.filledBytes} of ${this.#open.pixels.length} bytes`;
    return this.#header === "" ? undefined : "only its header";
  }

  #readHeader(chunk: Uint8Array, start: number, arrivedTick: MonotonicMs): number {
    this.#headerTick ??= arrivedTick;
    for (let at = start; at < chunk.length; at++) {
      this.#header += String.fromCharCode(chunk[at] ?? 0);
      if (chunk[at] === NEWLINE && this.#header.split("\n").length === 4) {
        this.#open = openImage(this.#header, this.#headerTick);
        this.#header = "";
        this.#headerTick = undefined;
        return at + 1;
      }
      if (this.#header.length > MAX_HEADER_BYTES) throw notAnImage();
    }
    return chunk.length;
  }
}

function openImage(header: string, firstByteTick: MonotonicMs): OpenImage {
  const [, kind, width, height] = /^P([56])\n(\d+) (\d+)\n255\n$/.exec(header) ?? [];
  const channels = kind === "6" ? 3 : 1;
  const [widthPx, heightPx] = [Number(width), Number(height)];
  const bytes = widthPx * heightPx * channels;
  if (kind === undefined || bytes === 0 || bytes > MAX_IMAGE_BYTES) throw notAnImage();
  return { pixels: Buffer.allocUnsafeSlow(bytes), widthPx, heightPx, channels, firstByteTick, filledBytes: 0 };
}

const notAnImage = (): SightlineError =>
  new SightlineError("CAMERA_LOST", "the capture program delivered bytes that are no picture");

/**
 * Raw video of one fixed size whose rows start at multiples of `rowAlignmentBytes` (GStreamer: 4); the padding is left
 * out.
 */
export class PaddedRawParser implements ImageParser {
  readonly #shape: { readonly widthPx: number; readonly heightPx: number; readonly channels: 1 | 3 };
  readonly #rowBytes: number;
  readonly #strideBytes: number;
  readonly #frameBytes: number;
  #pixels: Uint8Array;
  #readBytes = 0;
  #firstByteTick: MonotonicMs | undefined;

  constructor(shape: { widthPx: number; heightPx: number; channels: 1 | 3 }, rowAlignmentBytes: number) {
    this.#shape = shape;
    this.#rowBytes = shape.widthPx * shape.channels;
    this.#strideBytes = Math.ceil(this.#rowBytes / rowAlignmentBytes) * rowAlignmentBytes;
    this.#frameBytes = this.#strideBytes * shape.heightPx;
    this.#pixels = this.#allocate();
  }

  push(chunk: Uint8Array, arrivedTick: MonotonicMs, deliver: DeliverImage): void {
    let at = 0;
    while (at < chunk.length) {
      this.#firstByteTick ??= arrivedTick;
      const taken = Math.min(chunk.length - at, this.#frameBytes - this.#readBytes);
      this.#place(chunk.subarray(at, at + taken));
      at += taken;
      if (this.#readBytes < this.#frameBytes) return;
      const [pixels, firstByteTick] = [this.#pixels, this.#firstByteTick];
      this.#pixels = this.#allocate();
      this.#readBytes = 0;
      this.#firstByteTick = undefined;
      deliver({ ...this.#shape, pixels }, firstByteTick);
    }
  }

  unfinished(): string | undefined {
    return this.#readBytes === 0 ? undefined : `${this.#readBytes} of ${this.#frameBytes} bytes`;
  }

  #allocate(): Uint8Array {
    return Buffer.allocUnsafeSlow(this.#rowBytes * this.#shape.heightPx);
  }

  #place(bytes: Uint8Array): void {
    if (this.#strideBytes === this.#rowBytes) {
      this.#pixels.set(bytes, this.#readBytes);
      this.#readBytes += bytes.length;
      return;
    }
    for (let at = 0; at < bytes.length;) {
      const row = Math.floor(this.#readBytes / this.#strideBytes);
      const column = this.#readBytes % this.#strideBytes;
      const taken = Math.min(bytes.length - at, this.#strideBytes - column);
      const kept = Math.min(taken, Math.max(0, this.#rowBytes - column));
      if (kept > 0) this.#pixels.set(bytes.subarray(at, at + kept), row * this.#rowBytes + column);
      this.#readBytes += taken;
      at += taken;
    }
  }
}
