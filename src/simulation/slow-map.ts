/** Brightness and gloss vary slowly: they are drawn on a grid this coarse and interpolated. */
const CELL_PX = 8;

export interface SlowMap {
  readonly values: Float32Array;
  readonly columns: number;
}

/** Values at the corners of the cells, over the frame and a little beyond. */
export function slowMap(widthPx: number, heightPx: number, valueAt: (x: number, y: number) => number): SlowMap {
  const columns = Math.ceil(widthPx / CELL_PX) + 2;
  const rows = Math.ceil(heightPx / CELL_PX) + 2;
  const values = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      values[row * columns + column] = valueAt(column * CELL_PX, row * CELL_PX);
    }
  }
  return { values, columns };
}

/** Writes image row `y`, interpolated. */
export function readSlowRow(map: SlowMap, y: number, row: Float32Array): void {
  const { values, columns } = map;
  const start = Math.floor(y / CELL_PX) * columns;
  const down = y / CELL_PX - Math.floor(y / CELL_PX);
  let left = 0;
  let step = 0;
  for (let x = 0; x < row.length; x++) {
    if (x % CELL_PX === 0) {
      const at = start + x / CELL_PX;
      left = (values[at] ?? 0) * (1 - down) + (values[at + columns] ?? 0) * down;
      step = ((values[at + 1] ?? 0) * (1 - down) + (values[at + 1 + columns] ?? 0) * down - left) / CELL_PX;
    }
    row[x] = left;
    left += step;
  }
}
