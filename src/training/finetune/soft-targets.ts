import type { CoverageBatch } from "../augmented-batches.ts";

/** Targets of a cross entropy that carry everything: smoothing, the weight of a sample or place, 1/N of the mean. */
export interface SoftTargets {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** [N,C]: the true class, `labelSmoothing` of it spread over all classes; each sample weighs 1/N. */
export function imageTargets(classIndices: ArrayLike<number>, classCount: number, labelSmoothing: number): SoftTargets {
  const count = classIndices.length;
  const data = new Float32Array(count * classCount).fill(labelSmoothing / classCount / count);
  for (let row = 0; row < count; row++) {
    const at = row * classCount + (classIndices[row] ?? 0);
    data[at] = (data[at] ?? 0) + (1 - labelSmoothing) / count;
  }
  return { data, dims: [count, classCount] };
}

/** A cell shows the defect from this share on; with less than FREE_SHARE it shows none; between them nobody says. */
const SHOWN_SHARE = 0.05;
const FREE_SHARE = 0.001;

/**
 * [N,C,h,w]: marked cells are of the image's class, unmarked ones good. Within an image both kinds weigh the same in
 * total (a defect of one cell in 49 would drown otherwise), and the whole is worth `weight` times the image's own loss.
 */
export function cellTargets(
  classIndices: ArrayLike<number>,
  { values, known, cells: { rows, columns } }: CoverageBatch,
  { classCount, goodClass, weight }: { classCount: number; goodClass: number; weight: number },
): SoftTargets {
  const count = classIndices.length;
  const cells = rows * columns;
  const data = new Float32Array(count * classCount * cells);
  for (let image = 0; image < count; image++) {
    if (known[image] !== 1) continue;
    const own = values.subarray(image * cells, (image + 1) * cells);
    const label = classIndices[image] ?? 0;
    const shown = own.reduce((total, share) => total + (share > SHOWN_SHARE ? 1 : 0), 0);
    const free = own.reduce((total, share) => total + (share < FREE_SHARE ? 1 : 0), 0);
    own.forEach((share, cell) => {
      if (share > SHOWN_SHARE) data[(image * classCount + label) * cells + cell] = weight / (count * shown);
      else if (share < FREE_SHARE) data[(image * classCount + goodClass) * cells + cell] = weight / (count * free);
    });
  }
  return { data, dims: [count, classCount, rows, columns] };
}
