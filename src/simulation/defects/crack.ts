import { paintRegion } from "../canvas.ts";
import type { Dice } from "../dice.ts";
import type { Point } from "../strokes.ts";
import { strokeOf, walkLine } from "../strokes.ts";
import type { DefectSite, DrawDefect } from "./defect-site.ts";
import { faceBox } from "./defect-site.ts";

/** People mark a crack wider than it is: the photographs' masks reach this far beyond the dark line. */
const MASK_MARGIN_PX = 1;

interface Start {
  readonly x: number;
  readonly y: number;
  readonly heading: number;
}

/** Most cracks enter from the upper or lower border and run along the press direction. */
function startOf(site: DefectSite): Start {
  const { dice, outline } = site;
  const face = faceBox(site);
  const x = dice.between(face.left + 0.08 * (face.right - face.left), face.right - 0.08 * (face.right - face.left));
  const lean = 0.18 * dice.normal();
  if (dice.chance(0.25)) {
    return {
      x,
      y: dice.between(face.top + 0.15 * (face.bottom - face.top), face.top + 0.6 * (face.bottom - face.top)),
      heading: Math.PI / 2 + 2.5 * lean,
    };
  }
  if (dice.chance(0.65)) return { x, y: Math.max(0, outline.topPx(x)), heading: Math.PI / 2 + lean };
  return { x, y: Math.min(site.canvas.heightPx, outline.bottomPx(x)), heading: -Math.PI / 2 + lean };
}

function branch(dice: Dice, trunk: readonly Point[], heading: number, lengthPx: number): Point[] {
  const at = trunk[dice.whole(1, Math.max(1, Math.floor(trunk.length * 0.7)))] ?? trunk[0];
  if (at === undefined) return [];
  return walkLine(dice, {
    x: at.x,
    y: at.y,
    heading: heading + dice.sign() * dice.between(0.25, 0.9),
    lengthPx,
    halfWidthPx: at.halfWidthPx * 0.7,
    wander: 0.22,
    bend: 0,
    taper: 0.9,
    unsteady: 0.8,
  });
}

/** A thin dark line, at times broken, forked or bent like a hook; its width and depth vary along the way. */
export const drawCrack: DrawDefect = (site) => {
  const { canvas, dice, scale } = site;
  const start = startOf(site);
  const hook = dice.chance(0.2);
  const lengthPx = Math.max(14, dice.betweenLog(30, hook ? 60 : 150) * scale);
  const trunk = walkLine(dice, {
    ...start,
    lengthPx,
    halfWidthPx: hook ? dice.between(1, 1.9) : dice.betweenLog(0.7, 2),
    wander: hook ? 0.25 : dice.between(0.06, 0.16),
    bend: hook ? (dice.sign() * dice.between(2, 4)) / lengthPx : dice.between(-0.3, 0.3) / (lengthPx / 3),
    taper: dice.between(0.4, 0.95),
    unsteady: dice.between(0.5, 1),
  });
  const branches = Array.from({ length: dice.chance(0.4) ? dice.whole(1, 2) : 0 }, () =>
    branch(dice, trunk, start.heading, lengthPx * dice.between(0.15, 0.45)),
  );
  const lines = [trunk, ...branches].filter((line) => line.length > 1);
  const stroke = strokeOf(lines, dice.between(1.3, 2), MASK_MARGIN_PX);
  const depth = dice.chance(0.15) ? dice.between(0.6, 0.78) : dice.between(0.25, 0.5);
  const halo = strokeOf([trunk], 7, 0);
  paintRegion(canvas, { ...halo, finish: { brightness: dice.between(0.88, 1), marks: 1 } }, false);
  paintRegion(
    canvas,
    { box: stroke.box, coverage: stroke.coverage, finish: { brightness: depth, marks: 0.25 } },
    false,
  );
  markStroke(site, stroke.distancePx, stroke.box);
};

function markStroke(
  { canvas }: DefectSite,
  distancePx: (x: number, y: number) => number,
  box: { left: number; top: number; right: number; bottom: number },
): void {
  for (let y = Math.max(0, box.top); y < Math.min(canvas.heightPx, box.bottom); y++) {
    for (let x = Math.max(0, box.left); x < Math.min(canvas.widthPx, box.right); x++) {
      const at = y * canvas.widthPx + x;
      if (distancePx(x, y) <= MASK_MARGIN_PX && (canvas.face[at] ?? 0) >= 0.5) canvas.mask[at] = 255;
    }
  }
}
