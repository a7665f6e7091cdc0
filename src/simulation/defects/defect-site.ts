import type { Canvas } from "../canvas.ts";
import type { Dice } from "../dice.ts";
import type { FieldView } from "../texture-fields.ts";
import { FIELD_PX, FIELD_WIDTH, SAMPLES_PER_PX, textureFields, viewField } from "../texture-fields.ts";
import type { TileOutline } from "../tile-outline.ts";

/** What a defect is drawn on. */
export interface DefectSite {
  readonly canvas: Canvas;
  readonly outline: TileOutline;
  readonly dice: Dice;
  /** Frame size against the photographs'; lengths are multiplied by it. */
  readonly scale: number;
}

/** Draws one defect onto the canvas and into its mask. */
export type DrawDefect = (site: DefectSite) => void;

/** The visible part of the face, px. */
export function faceBox({ canvas, outline }: DefectSite): { left: number; top: number; right: number; bottom: number } {
  const middle = canvas.widthPx / 2;
  return {
    left: Math.max(0, outline.leftPx),
    right: Math.min(canvas.widthPx, outline.rightPx),
    top: Math.max(0, outline.topPx(middle)),
    bottom: Math.min(canvas.heightPx, outline.bottomPx(middle)),
  };
}

/** The texture of ferrite that was never ground or has broken open: fine, without direction. */
export function roughTexture(dice: Dice): (x: number, y: number) => number {
  const { mottle, grain } = textureFields();
  const views = [viewField(mottle, dice), viewField(grain, dice)] as const;
  const sample = (view: FieldView, x: number, y: number): number => {
    const column = (Math.floor(view.columnSample) + x * SAMPLES_PER_PX) & (FIELD_WIDTH - 1);
    return view.field[((y + view.rowPx) & (FIELD_PX - 1)) * FIELD_WIDTH + column] ?? 0;
  };
  return (x, y) => 0.8 * sample(views[0], x, y) + 0.6 * sample(views[1], x, y);
}
