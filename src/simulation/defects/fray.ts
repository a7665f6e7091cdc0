import { paintRegion, softEdge } from "../canvas.ts";
import { fractalNoise } from "../noise.ts";
import { strokeOf, walkLine } from "../strokes.ts";
import type { DefectSite, DrawDefect } from "./defect-site.ts";
import { faceBox, roughTexture } from "./defect-site.ts";

/** The visible upper or lower end of the face above or below `x`. */
const borderAt = ({ canvas, outline }: DefectSite, x: number, lower: boolean): number =>
  lower ? Math.min(canvas.heightPx, outline.bottomPx(x)) : Math.max(0, outline.topPx(x));

/** A hollow the wheel never reached: a large dull patch from the border inwards, its outline frayed along the marks. */
function drawUnground(site: DefectSite): void {
  const { canvas, dice, scale } = site;
  const face = faceBox(site);
  const fromBottom = dice.chance(0.7);
  const tall = dice.betweenLog(70, 270) * scale;
  const wide = Math.min(tall * dice.between(0.2, 0.55), 0.3 * canvas.widthPx);
  const x0 = dice.between(face.left + 0.5 * wide, face.right - 0.5 * wide);
  const base = borderAt(site, x0, fromBottom);
  const inward = fromBottom ? -1 : 1;
  const wavy = fractalNoise(dice, 3, 0.5);
  const frayed = fractalNoise(dice, 2, 0.7);
  const fringePx = dice.between(1.5, 4.5);
  const softness = dice.between(1.8, 4);
  const rough = roughTexture(dice);
  const belly = dice.between(0.25, 0.6);
  const lean = dice.between(-0.15, 0.15);
  const halfWidth = (depth: number): number => {
    const along = depth / tall;
    if (along > 1) return -((along - 1) * tall);
    const bulge = Math.sqrt(Math.max(0, 1 - ((along - belly) / (along < belly ? belly * 1.35 : 1 - belly)) ** 2));
    return wide * bulge;
  };
  const distance = (x: number, y: number): number => {
    const depth = (y - base) * inward;
    const ragged = 0.14 * wide * wavy(x / (0.8 * wide + 6), y / (0.5 * wide + 10)) + fringePx * frayed(x / 2, y / 16);
    return Math.abs(x - x0 - lean * depth) - halfWidth(depth) + ragged;
  };
  const clouds = fractalNoise(dice, 3, 0.6);
  const fade = dice.between(-0.15, 0.15);
  const brightness = dice.chance(0.15) ? dice.between(0.78, 0.9) : dice.between(0.48, 0.75);
  const top = inward < 0 ? base - 1.1 * tall : base;
  const box = { left: x0 - 1.8 * wide - 10, top, right: x0 + 1.8 * wide + 10, bottom: top + 1.1 * tall };
  paintRegion(
    canvas,
    {
      box,
      coverage: (x, y) => softEdge(distance(x, y), softness),
      finish: { brightness, marks: dice.between(0.1, 0.4) },
      relief: (x, y) => 1 + 0.055 * rough(x, y) + 0.09 * clouds(x / 30, y / 36) + fade * ((y - base) / tall),
    },
    true,
  );
  addDebris(site, { x0, base, inward, wide, tall });
}

interface Patch {
  readonly x0: number;
  readonly base: number;
  readonly inward: number;
  readonly wide: number;
  readonly tall: number;
}

/** Burr and crumbs along the foot of the patch, glinting where they stand up. */
function addCrumbs(
  { canvas, dice, scale }: Pick<DefectSite, "canvas" | "dice" | "scale">,
  { x0, base, inward, wide }: Patch,
): void {
  const crumbs = fractalNoise(dice, 4, 0.8);
  const bandPx = dice.between(4, 14) * scale;
  paintRegion(
    canvas,
    {
      box: { left: x0 - 1.1 * wide, top: base - 3 * bandPx, right: x0 + 1.1 * wide, bottom: base + 3 * bandPx },
      coverage: (x, y) => {
        const depth = (y - base) * inward;
        return depth < 0 ? 0 : 2.4 * (crumbs(x / 9, y / 6) - 0.55 - 0.5 * (depth / bandPx - 0.5) ** 2);
      },
      finish: { brightness: dice.between(1.3, 2.2), marks: 0.3 },
      relief: (x, y) => 0.75 + 0.35 * crumbs(x / 2 + 40, y / 2),
    },
    true,
  );
}

/** Faint scratches and crumbs inside the patch. */
function addDebris({ canvas, dice, scale }: DefectSite, patch: Patch): void {
  const inside = (): { x: number; y: number } => ({
    x: patch.x0 + dice.between(-0.6, 0.6) * patch.wide,
    y: patch.base + patch.inward * dice.between(0.1, 0.75) * patch.tall,
  });
  for (let scratch = dice.whole(0, 5); scratch > 0; scratch--) {
    const line = walkLine(dice, {
      ...inside(),
      heading: dice.between(0, Math.PI),
      lengthPx: dice.between(8, 40) * scale,
      halfWidthPx: 0.4,
      wander: 0.05,
      bend: 0,
      taper: 0.6,
      unsteady: 0.9,
    });
    paintRegion(
      canvas,
      { ...strokeOf([line], 1.4, 0), finish: { brightness: dice.between(0.7, 0.95), marks: 0.3 } },
      false,
    );
  }
  if (dice.chance(0.5)) addCrumbs({ canvas, dice, scale }, patch);
}

/** Abrasion eating into the face from the border: dark, thickly ragged, breaking up into flecks towards the inside. */
function drawAbrasion(site: DefectSite): void {
  const { canvas, dice, scale } = site;
  const face = faceBox(site);
  const fromBottom = dice.chance(0.6);
  const tall = dice.betweenLog(16, 75) * scale;
  const wide = dice.betweenLog(26, 100) * scale;
  const x0 = dice.chance(0.5)
    ? dice.between(face.left, face.left + 0.3 * (face.right - face.left))
    : dice.between(face.left, face.right);
  const base = borderAt(site, x0, fromBottom);
  const flecks = fractalNoise(dice, 5, 0.72);
  const rough = roughTexture(dice);
  const grain = dice.between(9, 20);
  const distance = (x: number, y: number): number => {
    const across = (x - x0) / wide;
    const depth = Math.abs(y - base) / (tall * Math.max(0.08, 1 - across * across));
    return (depth + 0.75 * across * across - 0.66 - 0.46 * flecks(x / grain, y / grain)) * 0.4 * grain;
  };
  paintRegion(
    canvas,
    {
      box: { left: x0 - wide, top: base - 1.6 * tall, right: x0 + wide, bottom: base + 1.6 * tall },
      coverage: (x, y) => softEdge(distance(x, y), 1.6),
      finish: { brightness: dice.between(0.38, 0.68), marks: 0.15 },
      relief: (x, y) => Math.max(0.4, 1 + 0.13 * rough(x, y)),
    },
    true,
  );
}

/** Surface that was torn or never finished: unground hollows and abraded borders. */
export const drawFray: DrawDefect = (site) => {
  if (site.dice.chance(0.55)) drawUnground(site);
  else drawAbrasion(site);
};
