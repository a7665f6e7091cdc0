import type { Image } from "../imaging/image.ts";
import type { MonotonicMs, WallClockMs } from "../platform/clock.ts";

export type { Image };

/** What a source knows of an exposure besides its pixels: file, ground truth of a simulated part, sensor readings. */
export type FrameMetadata = Readonly<Record<string, string | number | boolean>>;

/** One image of a part. `seq` rises by one per exposure within a boot, restarts of the camera included. */
export interface Frame {
  readonly kind: "frame";
  readonly image: Image;
  readonly seq: number;
  readonly capturedAt: WallClockMs;
  readonly capturedTick: MonotonicMs;
  readonly metadata: FrameMetadata;
}

export type DamageReason = "unreadable" | "torn" | "wrong-size";

/** An exposure that yielded no usable pixels; it is answered with a fault, never skipped. */
export interface DamagedFrame {
  readonly kind: "damaged";
  readonly reason: DamageReason;
  /** What is wrong with which file or buffer, in a sentence. */
  readonly detail: string;
  readonly seq: number;
  readonly capturedAt: WallClockMs;
  readonly capturedTick: MonotonicMs;
  readonly metadata: FrameMetadata;
}

export type CapturedFrame = Frame | DamagedFrame;
