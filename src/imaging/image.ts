/**
 * 8-bit interleaved pixels, row by row from the top left, no padding: `heightPx * widthPx * channels` bytes.
 * 1 channel is grey, 3 are RGB. Whoever holds an image may read it for as long as it likes; nobody writes to it.
 */
export interface Image {
  readonly pixels: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly channels: 1 | 3;
}
