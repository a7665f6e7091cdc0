import type { DamagedFrame, Frame } from "../frame.ts";

/** A frame before the camera link has numbered it. */
export type Exposure = Omit<Frame, "seq"> | Omit<DamagedFrame, "seq">;

export type Exposures = AsyncGenerator<Exposure, void, void>;

/**
 * Where frames come from. One adapter a file; the camera link (camera-link.ts) restarts, numbers and counts.
 */
export interface FrameSource {
  /** For people and logs: "directory /data/parts", "rtsp camera-3". No secrets: passwords in URLs are masked. */
  readonly name: string;
  /** True when frames are lost unless taken at once (cameras); false when the source waits (files). */
  readonly live: boolean;
  /**
   * True when silence is no fault (a watched folder, a rate set to one frame a minute) or the source bounds it itself:
   * the camera link then has no stall limit.
   */
  readonly idles?: boolean;
  /**
   * Frames until the source ends (returns) or `signal` aborts (returns or throws the signal's reason; either way all
   * child processes and handles are gone when the iterator is done).
   * Throws SightlineError: CAMERA_LOST, CAMERA_UNAVAILABLE, CAMERA_RESIZED (worth a restart), PROGRAM_MISSING (not).
   */
  exposures(signal: AbortSignal): AsyncIterable<Exposure>;
}
