import type { RegionPlan } from "../../contracts/model-bundle.ts";
import type { PixelRect } from "../../imaging/pixel-rect.ts";

export interface FrameSize {
  readonly widthPx: number;
  readonly heightPx: number;
}

/** In pixels of the frame. */
export type RegionRect = PixelRect;

/**
 * Regions of a frame, row by row from the top left. Cells of a grid cover the frame exactly and differ by at most one
 * pixel in size; each then grows by `marginPx` on all sides and is clipped at the frame. A grid finer than the frame is
 * cut down to one pixel a cell, so that no region is ever empty.
 */
export function planRegions(frameSize: FrameSize, regions: RegionPlan): RegionRect[] {
  const { widthPx, heightPx } = frameSize;
  if (regions.mode === "full") return [{ xPx: 0, yPx: 0, widthPx, heightPx }];
  const columns = spans(widthPx, regions.cols, regions.marginPx);
  return spans(heightPx, regions.rows, regions.marginPx).flatMap((row) =>
    columns.map((column) => ({
      xPx: column.startPx,
      yPx: row.startPx,
      widthPx: column.lengthPx,
      heightPx: row.lengthPx,
    })),
  );
}

function spans(framePx: number, cells: number, marginPx: number): { startPx: number; lengthPx: number }[] {
  const count = Math.min(cells, framePx);
  return Array.from({ length: count }, (_, cell) => {
    const startPx = Math.max(0, Math.floor((cell * framePx) / count) - marginPx);
    const endPx = Math.min(framePx, Math.floor(((cell + 1) * framePx) / count) + marginPx);
    return { startPx, lengthPx: endPx - startPx };
  });
}
