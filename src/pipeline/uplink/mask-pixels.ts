import type { Image } from "../../imaging/image.ts";
import type { PrivacyOptions, PxRect } from "./uplink-options.ts";

/** Copied in one turn of the event loop: a fraction of a millisecond. */
const BYTES_A_TURN = 1024 * 1024;

export interface CutImage {
  readonly image: Image;
  /** Null: the whole frame. */
  readonly crop: PxRect | null;
  /** Mask rectangles that touch what is sent. */
  readonly masked: number;
}

export type Cut = { readonly ok: true; readonly cut: CutImage } | { readonly ok: false; readonly sentence: string };

/**
 * The part of a frame that may leave the plant: cropped, and black under the masks. The frame itself is never written to
 * and, where there is nothing to cut or mask, not copied. A frame for which the masks were not drawn is refused.
 * `turn` gives others a turn of the event loop.
 */
export async function cutAndMask(
  frame: Image,
  crop: PxRect | null,
  privacy: PrivacyOptions | null,
  turn: () => Promise<unknown>,
): Promise<Cut> {
  const size = `${frame.widthPx} x ${frame.heightPx} px`;
  if (privacy !== null && (privacy.frame.width !== frame.widthPx || privacy.frame.height !== frame.heightPx)) {
    const { width, height } = privacy.frame;
    return refuse(`the frame has ${size} and its masks were drawn for ${width} x ${height} px`);
  }
  const area = crop ?? { x: 0, y: 0, width: frame.widthPx, height: frame.heightPx };
  if (area.x + area.width > frame.widthPx || area.y + area.height > frame.heightPx)
    return refuse(`the frame has ${size} and the crop does not lie within it`);
  if (crop === null && privacy === null) return { ok: true, cut: { image: frame, crop: null, masked: 0 } };
  const pixels = await copyArea(frame, area, turn);
  const image = { pixels, widthPx: area.width, heightPx: area.height, channels: frame.channels };
  const masks = (privacy?.masks ?? []).map((mask) => within(mask, area)).filter((mask) => mask !== null);
  for (const mask of masks) blacken(image, mask);
  return { ok: true, cut: { image, crop, masked: masks.length } };
}

const refuse = (sentence: string): Cut => ({ ok: false, sentence });

async function copyArea(
  { pixels, widthPx, channels }: Image,
  area: PxRect,
  turn: () => Promise<unknown>,
): Promise<Uint8Array> {
  const rowBytes = area.width * channels;
  const copy = new Uint8Array(rowBytes * area.height);
  let sinceTurn = 0;
  for (let row = 0; row < area.height; row++) {
    const start = ((area.y + row) * widthPx + area.x) * channels;
    copy.set(pixels.subarray(start, start + rowBytes), row * rowBytes);
    sinceTurn += rowBytes;
    if (sinceTurn < BYTES_A_TURN) continue;
    sinceTurn = 0;
    await turn();
  }
  return copy;
}

/** The mask in the area's own coordinates; null where they do not meet. */
function within(mask: PxRect, area: PxRect): PxRect | null {
  const x = Math.max(mask.x, area.x);
  const y = Math.max(mask.y, area.y);
  const width = Math.min(mask.x + mask.width, area.x + area.width) - x;
  const height = Math.min(mask.y + mask.height, area.y + area.height) - y;
  return width > 0 && height > 0 ? { x: x - area.x, y: y - area.y, width, height } : null;
}

function blacken({ pixels, widthPx, channels }: Image, { x, y, width, height }: PxRect): void {
  for (let row = y; row < y + height; row++) {
    const start = (row * widthPx + x) * channels;
    pixels.fill(0, start, start + width * channels);
  }
}
