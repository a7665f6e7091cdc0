import { z } from "zod";
import type { DefectBox } from "./data-folder.ts";

/** Column of index.csv that marks where defects are. */
export const BOXES_COLUMN = "boxes";

/** A box in a cell of a table: label, x, y, width and height in px of the image. */
const CellBoxes = z.array(z.tuple([z.string(), z.number(), z.number(), z.number().min(0), z.number().min(0)]));

/** Text of a cell: `[["scratch",10,20,30,5]]`; `[]` marks an image as free of defects, "" says that nobody marked it. */
export const boxesCell = (boxes: readonly DefectBox[] | null): string =>
  boxes === null
    ? ""
    : JSON.stringify(boxes.map(({ label, xPx, yPx, widthPx, heightPx }) => [label, xPx, yPx, widthPx, heightPx]));

/** Boxes of a cell. Throws Error in half a sentence where it holds none. */
export function parseBoxesCell(cell: string): readonly DefectBox[] | null {
  if (cell.trim() === "") return null;
  try {
    return CellBoxes.parse(JSON.parse(cell)).map(([label, xPx, yPx, widthPx, heightPx]) => {
      return { label, xPx, yPx, widthPx, heightPx };
    });
  } catch (error) {
    const detail = `its boxes are not a list of [label, x, y, width, height] in px: ${cell.slice(0, 40)}`;
    throw new Error(detail, { cause: error });
  }
}

/** Whether a column of that name holds boxes: others may have used the name for something else, as for a count. */
export const holdsBoxes = (cells: readonly string[]): boolean =>
  cells.some((cell) => cell.trimStart().startsWith("[")) &&
  cells.every((cell) => cell.trim() === "" || cell.trimStart().startsWith("["));
