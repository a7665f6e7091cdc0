import type { LabelledImage } from "./data-folder.ts";

/** Metadata column that marks images that no camera took. They may teach a model, never certify one. */
export const SYNTHETIC_COLUMN = "synthetic";

const REAL = ["", "0", "false", "no"];

/** In doubt synthetic: any other word in the column, however its name is written, counts as yes. */
export const isSynthetic = ({ metadata }: Pick<LabelledImage, "metadata">): boolean =>
  Object.entries(metadata).some(
    ([name, value]) => name.trim().toLowerCase() === SYNTHETIC_COLUMN && !REAL.includes(value.trim().toLowerCase()),
  );
