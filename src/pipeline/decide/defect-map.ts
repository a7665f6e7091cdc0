import type { ModelClass } from "../../contracts/model-bundle.ts";
import type { RegionScores } from "./region-scores.ts";

/** Where in a region the evidence for a defect lies. Row-major [rows, cols]. */
export interface DefectMap {
  /** 0 (no more than usual in this region) to the region's NG score (the hottest cell). */
  readonly values: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

/**
 * Class activation mapping (Zhou et al. 2016): the head applied at every place of the last feature map. A cell's evidence
 * is the log odds of defect against good there; shown is how far it rises above the region's median, since the
 * absolute odds of single cells run far past those of their mean and would paint whole frames.
 */
export function defectMap(
  region: Omit<RegionScores, "rect">,
  classes: readonly ModelClass[],
  ngScore: number,
): DefectMap {
  const { heatmap, heatmapRows: rows, heatmapCols: cols } = region;
  const cells = rows * cols;
  const evidence = new Float32Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    const at = (index: number): number => heatmap[index * cells + cell] ?? 0;
    evidence[cell] = logSumExp(classes, "defect", at) - logSumExp(classes, "good", at);
  }
  const usual = evidence.toSorted()[Math.floor(cells / 2)] ?? 0;
  const range = evidence.reduce((highest, value) => Math.max(highest, value), -Infinity) - usual;
  const values = evidence.map((value) => (range > 0 ? Math.max(0, (ngScore * (value - usual)) / range) : ngScore));
  return { values, rows, cols };
}

function logSumExp(classes: readonly ModelClass[], kind: ModelClass["kind"], at: (index: number) => number): number {
  let highest = -Infinity;
  for (const [index, modelClass] of classes.entries())
    if (modelClass.kind === kind) highest = Math.max(highest, at(index));
  let sum = 0;
  for (const [index, modelClass] of classes.entries())
    if (modelClass.kind === kind) sum += Math.exp(at(index) - highest);
  return highest + Math.log(sum);
}
