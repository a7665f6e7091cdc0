/** A rectangle of whole pixels in a frame, from its top left corner. */
export interface PixelRect {
  readonly xPx: number;
  readonly yPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
}
