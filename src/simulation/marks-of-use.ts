import type { Canvas, Coverage } from "./canvas.ts";
import { paintRegion, softEdge } from "./canvas.ts";
import type { Dice } from "./dice.ts";
import { fractalNoise } from "./noise.ts";
import type { Point, Walk } from "./strokes.ts";
import { strokeOf, walkLine } from "./strokes.ts";

const HARMLESS = false;

function speck(canvas: Canvas, dice: Dice): void {
  const x0 = dice.between(0, canvas.widthPx);
  const y0 = dice.between(0, canvas.heightPx);
  const radius = dice.betweenLog(0.6, 2.4);
  const aspect = dice.between(0.7, 1.5);
  const brightness = dice.chance(0.12) ? dice.between(1.3, 1.8) : dice.between(0.5, 0.85);
  paintRegion(
    canvas,
    {
      box: { left: x0 - 6, top: y0 - 6, right: x0 + 6, bottom: y0 + 6 },
      coverage: (x, y) => softEdge(Math.hypot((x - x0) * aspect, (y - y0) / aspect) - radius, 1.6),
      finish: { brightness, marks: 0.4 },
    },
    HARMLESS,
  );
}

const straight: Omit<Walk, "x" | "y" | "heading" | "lengthPx"> = {
  halfWidthPx: 0.5,
  wander: 0.03,
  bend: 0,
  taper: 0.5,
  unsteady: 0.9,
};

/** One slip of a tool or of another part: a thin bright or dark line, sometimes a bundle of parallel ones. */
function scratch(canvas: Canvas, dice: Dice, scale: number): void {
  const heading = dice.between(0, 2 * Math.PI);
  const x = dice.between(0, canvas.widthPx);
  const y = dice.between(0, canvas.heightPx);
  const lengthPx = dice.betweenLog(8, 80) * scale;
  const bend = dice.between(-0.03, 0.03);
  const bundle = dice.chance(0.4) ? dice.whole(2, 6) : 1;
  const lines: Point[][] = [];
  for (let line = 0; line < bundle; line++) {
    lines.push(
      walkLine(dice, {
        ...straight,
        bend,
        heading: heading + 0.05 * dice.normal(),
        lengthPx: lengthPx * dice.between(0.5, 1),
        x: x + line * dice.between(1, 4) + dice.between(-2, 2),
        y: y + line * dice.between(-3, 4),
        halfWidthPx: dice.between(0.25, 0.7),
      }),
    );
  }
  const stroke = strokeOf(lines, 1.4, 0);
  const brightness = dice.chance(0.4) ? dice.between(1.12, 1.45) : dice.between(0.68, 0.88);
  paintRegion(canvas, { ...stroke, finish: { brightness, marks: 0.8 } }, HARMLESS);
}

/** The rim of a drop or a fibre that dried on the face: a faint dark worm, sometimes a closed loop. */
function driedRim(canvas: Canvas, dice: Dice, scale: number): void {
  const loop = dice.chance(0.3);
  const lengthPx = dice.betweenLog(15, 110) * scale;
  const line = walkLine(dice, {
    ...straight,
    x: dice.between(0, canvas.widthPx),
    y: dice.between(0, canvas.heightPx),
    heading: dice.between(0, 2 * Math.PI),
    lengthPx,
    halfWidthPx: dice.between(0.6, 1.7),
    wander: dice.between(0.15, 0.4),
    bend: loop ? (6 * Math.PI) / lengthPx : dice.between(-0.06, 0.06),
    taper: 0.3,
  });
  const stroke = strokeOf([line], dice.between(1.8, 4), 0);
  const patchy = fractalNoise(dice, 3, 0.8);
  const coverage: Coverage = (x, y) => stroke.coverage(x, y) * Math.max(0, 0.6 + 0.9 * patchy(x / 6, y / 6));
  paintRegion(
    canvas,
    { box: stroke.box, coverage, finish: { brightness: dice.between(0.62, 0.9), marks: 0.8 } },
    HARMLESS,
  );
}

/** Where a coolant film ended: a ragged, nearly level dark line with a soft trail on one side. */
function tideLine(canvas: Canvas, dice: Dice, scale: number): void {
  const nearTop = dice.chance(0.5);
  const y0 = (nearTop ? dice.between(4, 60) : canvas.heightPx / scale - dice.between(4, 60)) * scale;
  const left = dice.between(-0.2, 0.5) * canvas.widthPx;
  const right = left + dice.between(0.2, 0.8) * canvas.widthPx;
  const ragged = fractalNoise(dice, 4, 0.65);
  const density = fractalNoise(dice, 3, 0.7);
  const thickness = dice.between(1, 3);
  const trail = dice.between(3, 14) * dice.sign();
  const tilt = dice.between(-0.06, 0.06);
  const level = (x: number): number => y0 + tilt * (x - left) + 7 * ragged(x / 26, 0);
  paintRegion(
    canvas,
    {
      box: { left, top: y0 - 40, right, bottom: y0 + 40 },
      coverage: (x, y) => {
        const off = y - level(x);
        const sharp = Math.exp(-((off / thickness) ** 2));
        const soft = off * trail > 0 ? 0.35 * Math.exp(-off / trail) : 0;
        const ends = Math.min(1, (x - left) / 15, (right - x) / 15);
        return Math.max(0, Math.max(sharp, soft) * ends * (0.55 + 0.7 * density(x / 12, y / 7)));
      },
      finish: { brightness: dice.between(0.62, 0.88), marks: 0.75 },
    },
    HARMLESS,
  );
}

/** A soft dark stain, mostly round, of no consequence. */
function stain(canvas: Canvas, dice: Dice, scale: number): void {
  const x0 = dice.between(0, canvas.widthPx);
  const y0 = dice.between(0, canvas.heightPx);
  const radius = dice.betweenLog(5, 45) * scale;
  const aspect = dice.between(0.6, 1.6);
  const outline = fractalNoise(dice, 3, 0.6);
  const softness = radius * dice.between(0.5, 1.3);
  const dirt = fractalNoise(dice, 4, 0.8);
  paintRegion(
    canvas,
    {
      box: { left: x0 - 3 * radius, top: y0 - 3 * radius, right: x0 + 3 * radius, bottom: y0 + 3 * radius },
      coverage: (x, y) => {
        const away = Math.hypot((x - x0) * aspect, (y - y0) / aspect);
        const inside = softEdge(away - radius * (1 + 0.5 * outline((x - x0) / radius, (y - y0) / radius)), softness);
        return inside === 0 ? 0 : inside * Math.max(0, 0.65 + 0.7 * dirt(x / 11, y / 11));
      },
      finish: { brightness: dice.between(0.7, 0.93), marks: dice.between(0.5, 1) },
    },
    HARMLESS,
  );
}

/** Everything a good part carries too, so that "anything unusual" is not the same as "defective". */
export function addMarksOfUse(canvas: Canvas, dice: Dice, scale: number): void {
  const dirtiness = dice.between(0, 1) ** 1.6;
  const times = (mean: number): number => Math.floor(mean * dirtiness * 2 + dice.unit());
  for (let left = times(7); left > 0; left--) speck(canvas, dice);
  for (let left = times(1.6); left > 0; left--) scratch(canvas, dice, scale);
  for (let left = times(2.6); left > 0; left--) driedRim(canvas, dice, scale);
  for (let left = times(0.9); left > 0; left--) stain(canvas, dice, scale);
  if (dice.chance(0.3)) tideLine(canvas, dice, scale);
}
