import type { Image } from "../imaging/image.ts";

/** Mean of the first channel over a grid of cells; canvases smaller than the grid repeat their pixels. */
export function meanCells({ pixels, widthPx, heightPx, channels }: Image, columns: number, rows: number): Float32Array {
  const means = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const fromY = Math.floor((row * heightPx) / rows);
    const toY = Math.max(fromY + 1, Math.floor(((row + 1) * heightPx) / rows));
    for (let column = 0; column < columns; column++) {
      const fromX = Math.floor((column * widthPx) / columns);
      const toX = Math.max(fromX + 1, Math.floor(((column + 1) * widthPx) / columns));
      let sum = 0;
      for (let y = fromY; y < toY; y++) {
        for (let x = fromX; x < toX; x++) sum += pixels[(y * widthPx + x) * channels] ?? 0;
      }
      means[row * columns + column] = sum / ((toX - fromX) * (toY - fromY));
    }
  }
  return means;
}
