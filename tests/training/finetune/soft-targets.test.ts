import { expect, test } from "vitest";
import { cellTargets, imageTargets } from "../../../src/training/finetune/soft-targets.ts";

const rounded = (values: Float32Array): number[] => [...values].map((value) => Number(value.toFixed(6)));

test("an image's targets carry smoothing and the mean over the batch", () => {
  const { data, dims } = imageTargets([1, 0], 3, 0.3);
  expect(dims).toEqual([2, 3]);
  expect(rounded(data)).toEqual([0.05, 0.4, 0.05, 0.4, 0.05, 0.05]);
});

test("marked cells want the image's class and sound ones the good class, both kinds with the same weight", () => {
  const coverage = {
    cells: { rows: 1, columns: 4 },
    values: Float32Array.of(0.5, 0, 0, 0.02, 0, 0, 0, 0, 0, 0, 0, 0),
    known: Float32Array.of(1, 1, 0),
  };
  const { data, dims } = cellTargets([1, 0, 1], coverage, { classCount: 2, goodClass: 0, weight: 3 });
  expect(dims).toEqual([3, 2, 1, 4]);
  // One marked cell, two sound ones, one that is neither; a good image; an image nobody marked.
  expect(rounded(data)).toEqual([
    ...[0, 0.5, 0.5, 0, 1, 0, 0, 0],
    ...[0.25, 0.25, 0.25, 0.25, 0, 0, 0, 0],
    ...[0, 0, 0, 0, 0, 0, 0, 0],
  ]);
});
