import { paintRegion, softEdge } from "../canvas.ts";
import { fractalNoise } from "../noise.ts";
import { strokeOf, walkLine } from "../strokes.ts";
import type { DefectSite, DrawDefect } from "./defect-site.ts";
import { faceBox, roughTexture } from "./defect-site.ts";

/** A hollow the wheel never reached: a large dull patch from the border inwards, its outline frayed along the marks. */
function drawUnground(site: DefectSite): void {
  const { canvas, dice, scale } = site;
  const face = faceBox(site);
  const fromBottom = dice.chance(0.7);
  const tall = dice.betweenLog(35, 250) * scale;
  const wide = Math.min(tall * dice.between(0.2, 0.55), 0.3 * canvas.widthPx);
  const x0 = dice.between(face.left + 0.5 * wide, face.right - 0.5 * wide);
  const base = fromBottom ? face.bottom : face.top;
  const inward = fromBottom ? -1 : 1;
  const wavy = fractalNoise(dice, 3, 0.5);
  const frayed = fractalNoise(dice, 2, 0.7);
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
    const ragged = 0.14 * wide * wavy(x / (0.8 * wide + 6), y / (0.5 * wide + 10)) + 1.6 * frayed(x / 2.2, y / 14);
    return Math.abs(x - x0 - lean * depth) - halfWidth(depth) + ragged;
  };
  const clouds = fractalNoise(dice, 3, 0.6);
  const brightness = dice.chance(0.15) ? dice.between(0.78, 0.9) : dice.between(0.48, 0.75);
  const top = inward < 0 ? base - 1.1 * tall : base;
  const box = { left: x0 - 1.8 * wide - 10, top, right: x0 + 1.8 * wide + 10, bottom: top + 1.1 * tall };
  paintRegion(canvas, {
    box,
    coverage: (x, y) => softEdge(distance(x, y), 1.8),
    finish: { brightness, marks: dice.between(0.05, 0.2) },
    relief: (x, y) => 1 + 0.045 * rough(x, y) + 0.06 * clouds(x / 25, y / 25),
  }, true);
  addDebris(site, { x0, base, inward, wide, tall });
}

/** Pores, faint scratches and crumbs that glint inside the patch. */
function addDebris({ canvas, dice, scale }: DefectSite, patch: { x0: number; base: number; inward: number; wide: number; tall: number }): void {
  const inside = (): { x: number; y: number } => ({
    x: patch.x0 + dice.between(-0.6, 0.6) * patch.wide, y: patch.base + patch.inward * dice.between(0.1, 0.75) * patch.tall,
  });
  for (let scratch = dice.whole(0, 5); scratch > 0; scratch--) {
    const line = walkLine(dice, {
      ...inside(), heading: dice.between(0, Math.PI), lengthPx: dice.between(8, 40) * scale, halfWidthPx: 0.4, wander: 0.05, bend: 0, taper: 0.6, unsteady: 0.9,
    });
    paintRegion(canvas, { ...strokeOf([line], 1.4, 0), finish: { brightness: dice.between(0.7, 0.95), marks: 0.3 } }, false);
  }
  for (let crumb = dice.whole(0, 9); crumb > 0; crumb--) {
    const x0 = patch.x0 + dice.between(-1, 1) * patch.wide;
    const y0 = patch.base + patch.inward * dice.between(1, 10) * scale;
    const radius = dice.between(0.8, 2.4);
    paintRegion(canvas, {
      box: { left: x0 - 9, top: y0 - 5, right: x0 + 9, bottom: y0 + 5 },
      coverage: (x, y) => softEdge(Math.hypot((x - x0) * 0.55, y - y0) - radius, 1.6),
      finish: { brightness: dice.between(1.4, 2.4), marks: 0.3 },
    }, true);
  }
}

/** Abrasion eating into the face from the border: dark, thickly ragged, breaking up into flecks towards the inside. */
function drawAbrasion(site: DefectSite): void {
  const { canvas, dice, scale } = site;
  const face = faceBox(site);
  const fromBottom = dice.chance(0.6);
  const tall = dice.betweenLog(9, 60) * scale;
  const wide = dice.betweenLog(20, 90) * scale;
  const x0 = dice.chance(0.5) ? dice.between(face.left, face.left + 0.3 * (face.right - face.left)) : dice.between(face.left, face.right);
  const base = fromBottom ? face.bottom : face.top;
  const flecks = fractalNoise(dice, 5, 0.72);
  const rough = roughTexture(dice);
  const grain = dice.between(9, 20);
  const distance = (x: number, y: number): number => {
    const across = (x - x0) / wide;
    const depth = Math.abs(y - base) / (tall * Math.max(0.08, 1 - across * across));
    return (depth + 0.75 * across * across - 0.62 - 0.62 * flecks(x / grain, y / grain)) * 0.4 * grain;
  };
  paintRegion(canvas, {
    box: { left: x0 - wide, top: base - 1.6 * tall, right: x0 + wide, bottom: base + 1.6 * tall },
    coverage: (x, y) => softEdge(distance(x, y), 1.6),
    finish: { brightness: dice.between(0.38, 0.68), marks: 0.15 },
    relief: (x, y) => Math.max(0.4, 1 + 0.13 * rough(x, y)),
  }, true);
}

/** Surface that was torn or never finished: unground hollows and abraded borders. */
export const drawFray: DrawDefect = (site) => {
  if (site.dice.chance(0.55)) drawUnground(site);
  else drawAbrasion(site);
};
