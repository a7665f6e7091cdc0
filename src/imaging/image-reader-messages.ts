import type { DecodedImage } from "./decode-image.ts";

export interface ReadQuestion {
  readonly call: number;
  readonly paths: readonly string[];
  readonly maxPixels: number;
}

/** `bytes`: no JPEG; its decoder has threads of its own and is asked from the caller's side. */
export type ReadFile = { readonly decoded: DecodedImage } | { readonly bytes: Uint8Array };

export interface ReadAnswer {
  readonly call: number;
  readonly images: readonly (ReadFile & { readonly readMs: number })[];
}

/** Asks the reader's thread to end after what it is doing: killed in the middle of a decode, it takes the process along. */
export const STOP = "stop";
