import type { DefectBox } from "./data-folder.ts";

/** Label of an image that somebody looked at and marked nothing on. */
export const UNMARKED_LABEL = "good";

/** The label of most of the boxes (the first in order of `labels`, or of the boxes, on a tie); `good` without any. */
export function commonLabel(boxes: readonly { readonly label: string }[], labels: readonly string[] = []): string {
  const counts = new Map<string, number>(labels.map((label) => [label, 0]));
  for (const { label } of boxes) counts.set(label, (counts.get(label) ?? 0) + 1);
  let best = { label: UNMARKED_LABEL, count: 0 };
  for (const [label, count] of counts) if (count > best.count) best = { label, count };
  return best.label;
}

/** A box given in shares of the picture (0 to 1), in px; rounded so that a whole pixel stays one. */
export function boxFromShares(
  label: string,
  [x, y, width, height]: readonly [number, number, number, number],
  size: { readonly widthPx: number; readonly heightPx: number },
): DefectBox {
  return {
    label,
    xPx: tidy(x * size.widthPx),
    yPx: tidy(y * size.heightPx),
    widthPx: tidy(width * size.widthPx),
    heightPx: tidy(height * size.heightPx),
  };
}

/** Shares and percentages of whole pixels come back as whole pixels, others to a thousandth. */
const tidy = (px: number): number => Math.round(px * 1000) / 1000;
