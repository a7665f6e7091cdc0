import type { ModelClass } from "../../contracts/model-bundle.ts";
import type { VerdictRegion } from "../../contracts/verdict.ts";
import type { RegionScores } from "./region-scores.ts";
import { defectMap, type DefectMap } from "./defect-map.ts";

/** A cell belongs to a defect from this share of its region's hottest cell on. */
const SHARE_OF_HOTTEST = 0.5;

interface Component {
  readonly cells: readonly number[];
  readonly hottest: number;
}

/**
 * Boxes around the connected hot areas of a region's defect map, in frame px, hottest first. All carry the region's
 * likeliest defect class: the head was calibrated on whole regions, not on single cells. The hottest has that class's
 * probability as its score, the others as much less as they are cooler.
 */
export function regionsOf(region: RegionScores, classes: readonly ModelClass[], ngScore: number): VerdictRegion[] {
  const map = defectMap(region, classes, ngScore);
  const defect = likeliestDefect(region, classes);
  const heatOf = ({ hottest }: Component): number => map.values[hottest] ?? 0;
  return connectedComponents(map)
    .sort((left, right) => heatOf(right) - heatOf(left))
    .map((component) => ({
      ...boxOf(component, map, region),
      class: defect.name,
      score: Math.min(1, (defect.probability * heatOf(component)) / ngScore),
    }));
}

function likeliestDefect(
  { probabilities }: RegionScores,
  classes: readonly ModelClass[],
): { name: string; probability: number } {
  let best = { name: "", probability: -1 };
  for (const [index, { name, kind }] of classes.entries()) {
    const probability = probabilities[index] ?? 0;
    if (kind === "defect" && probability > best.probability) best = { name, probability };
  }
  return best;
}

/** Four-connected areas of cells at or above the threshold. */
function connectedComponents(map: DefectMap): Component[] {
  const threshold = SHARE_OF_HOTTEST * map.values.reduce((highest, value) => Math.max(highest, value), 0);
  const seen = new Uint8Array(map.values.length);
  const components: Component[] = [];
  for (let start = 0; start < map.values.length; start++) {
    if (seen[start] === 1 || !isHot(map, start, threshold)) continue;
    components.push(flood(map, start, threshold, seen));
  }
  return components;
}

const isHot = (map: DefectMap, cell: number, threshold: number): boolean =>
  (map.values[cell] ?? 0) >= threshold && (map.values[cell] ?? 0) > 0;

function flood(map: DefectMap, start: number, threshold: number, seen: Uint8Array): Component {
  const cells: number[] = [];
  const open = [start];
  seen[start] = 1;
  let hottest = start;
  for (let cell = open.pop(); cell !== undefined; cell = open.pop()) {
    cells.push(cell);
    if ((map.values[cell] ?? 0) > (map.values[hottest] ?? 0)) hottest = cell;
    for (const neighbour of neighbours(cell, map)) {
      if (seen[neighbour] === 1 || !isHot(map, neighbour, threshold)) continue;
      seen[neighbour] = 1;
      open.push(neighbour);
    }
  }
  return { cells, hottest };
}

function neighbours(cell: number, { rows, cols }: DefectMap): number[] {
  const col = cell % cols;
  const row = (cell - col) / cols;
  const found: number[] = [];
  if (col > 0) found.push(cell - 1);
  if (col < cols - 1) found.push(cell + 1);
  if (row > 0) found.push(cell - cols);
  if (row < rows - 1) found.push(cell + cols);
  return found;
}

function boxOf(
  component: Component,
  map: DefectMap,
  { rect }: RegionScores,
): Pick<VerdictRegion, "x" | "y" | "width" | "height"> {
  const columns = component.cells.map((cell) => cell % map.cols);
  const lines = component.cells.map((cell) => Math.floor(cell / map.cols));
  const cellWidth = rect.widthPx / map.cols;
  const cellHeight = rect.heightPx / map.rows;
  const left = Math.min(...columns);
  const top = Math.min(...lines);
  return {
    x: round(rect.xPx + left * cellWidth),
    y: round(rect.yPx + top * cellHeight),
    width: round((Math.max(...columns) - left + 1) * cellWidth),
    height: round((Math.max(...lines) - top + 1) * cellHeight),
  };
}

const round = (px: number): number => Math.round(px * 10) / 10;
