import type { ModelClass } from "../../contracts/model-bundle.ts";
import type { RegionScores } from "./region-scores.ts";

/** How defect-like each cell of a region is, and which defect it looks like most. Row-major [rows, cols]. */
export interface DefectMap {
  /** Probability that the cell is defective, 0 to 1: softmax over the class activations of that cell. */
  readonly values: Float32Array;
  /** Index of the likeliest defect class of each cell. */
  readonly classIndex: Uint16Array;
  readonly rows: number;
  readonly cols: number;
}

/**
 * Class activation mapping (Zhou et al. 2016): the head applied at every place of the last feature map. The softmax
 * over the classes at one place turns unbounded activations into a share of evidence that is comparable across parts.
 */
export function defectMap(region: Omit<RegionScores, "rect">, classes: readonly ModelClass[]): DefectMap {
  const { heatmap, heatmapRows: rows, heatmapCols: cols } = region;
  const cells = rows * cols;
  const values = new Float32Array(cells);
  const classIndex = new Uint16Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    let highest = -Infinity;
    for (let index = 0; index < classes.length; index++) highest = Math.max(highest, heatmap[index * cells + cell] ?? 0);
    let total = 0;
    let defective = 0;
    let bestDefect = -1;
    classes.forEach((modelClass, index) => {
      const share = Math.exp((heatmap[index * cells + cell] ?? 0) - highest);
      total += share;
      if (modelClass.kind !== "defect") return;
      defective += share;
      if (share > bestDefect) {
        bestDefect = share;
        classIndex[cell] = index;
      }
    });
    values[cell] = defective / total;
  }
  return { values, classIndex, rows, cols };
}
