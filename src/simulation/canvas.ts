/**
 * A part while it is drawn. `light` is the brightness of each pixel, 1 = an average spot of an average part in full
 * light; `shade` is the same without grinding marks, so that a defect can remove or strengthen the marks alone.
 */
export interface Canvas {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly light: Float32Array;
  readonly shade: Float32Array;
  /** 255 where the defect is, else 0. */
  readonly mask: Uint8Array;
  /** How much of each pixel is the part's face, 0-1: the rest is background. */
  readonly face: Float32Array;
}

export function blankCanvas(widthPx: number, heightPx: number): Canvas {
  const size = widthPx * heightPx;
  return {
    widthPx,
    heightPx,
    light: new Float32Array(size),
    shade: new Float32Array(size),
    mask: new Uint8Array(size),
    face: new Float32Array(size),
  };
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** How a region looks other than the face around it. */
export interface Finish {
  /** Brightness of the bare region against its surroundings. */
  readonly brightness: number;
  /** How much of the grinding marks is left: 0 none, 1 as before. */
  readonly marks: number;
}

/** 0-1: how far the region reaches over a pixel. */
export type Coverage = (x: number, y: number) => number;
/** The region's own brightness at a pixel: multiplies `Finish.brightness`. */
export type Relief = (x: number, y: number) => number;

export interface Region {
  readonly box: Box;
  readonly coverage: Coverage;
  readonly finish: Finish;
  readonly relief?: Relief;
}

const MASK_FROM = 0.5;

/** Lays a region over the face; pixels it covers by half or more enter the mask when `intoMask`. */
export function paintRegion(canvas: Canvas, region: Region, intoMask: boolean): void {
  const { widthPx, heightPx, light, shade, mask, face } = canvas;
  const { box, coverage, finish, relief } = region;
  const right = Math.min(widthPx, Math.ceil(box.right));
  const bottom = Math.min(heightPx, Math.ceil(box.bottom));
  for (let y = Math.max(0, Math.floor(box.top)); y < bottom; y++) {
    for (let x = Math.max(0, Math.floor(box.left)); x < right; x++) {
      const covered = coverage(x, y);
      if (covered <= 0) continue;
      const at = y * widthPx + x;
      const onFace = face[at] ?? 0;
      const bare = shade[at] ?? 0;
      const before = light[at] ?? 0;
      const look = relief === undefined ? finish.brightness : finish.brightness * relief(x, y);
      const after = bare * look + (before - bare) * finish.marks;
      light[at] = before + (after - before) * Math.min(1, covered) * onFace;
      if (intoMask && covered >= MASK_FROM && onFace >= MASK_FROM) mask[at] = 255;
    }
  }
}

/** Coverage from a signed distance (negative inside) with an edge `softnessPx` wide. */
export const softEdge = (distancePx: number, softnessPx: number): number =>
  Math.max(0, Math.min(1, 0.5 - distancePx / softnessPx));
