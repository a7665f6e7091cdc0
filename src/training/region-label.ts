import type { PixelRect } from "../imaging/pixel-rect.ts";
import type { DefectBox, LabelledImage } from "../datasets/data-folder.ts";

/** From this share of a box in view on, a region shows the defect. */
const SHOWN_SHARE = 0.5;

/**
 * What one region of a frame shows: the label of the box it shows most of, `goodLabel` where no box reaches into it, or
 * null where the marks do not decide: a defect cut off by the region's edge, or a defective frame nobody marked.
 * `isWhole`: the region is the whole frame, whose label is the image's own.
 */
export function regionLabel(
  image: LabelledImage,
  rect: PixelRect,
  isWhole: boolean,
  goodLabels: readonly string[],
): string | null {
  if (isWhole || goodLabels.includes(image.label)) return image.label;
  if (image.boxes === null) return null;
  let shown: { label: string; areaPx: number } | undefined;
  let cutOff = false;
  for (const box of image.boxes) {
    const areaPx = overlapPx(box, rect);
    if (areaPx === 0) continue;
    if (areaPx < SHOWN_SHARE * box.widthPx * box.heightPx) cutOff = true;
    else if (shown === undefined || areaPx > shown.areaPx) shown = { label: box.label, areaPx };
  }
  if (shown !== undefined) return shown.label;
  return cutOff ? null : (goodLabels[0] ?? null);
}

function overlapPx(box: DefectBox, rect: PixelRect): number {
  const width = Math.min(box.xPx + box.widthPx, rect.xPx + rect.widthPx) - Math.max(box.xPx, rect.xPx);
  const height = Math.min(box.yPx + box.heightPx, rect.yPx + rect.heightPx) - Math.max(box.yPx, rect.yPx);
  return Math.max(0, width) * Math.max(0, height);
}
