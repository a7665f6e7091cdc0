import { paintRegion, softEdge } from "../canvas.ts";
import { fractalNoise } from "../noise.ts";
import { strokeOf, walkLine } from "../strokes.ts";
import type { DefectSite, DrawDefect } from "./defect-site.ts";
import { faceBox, roughTexture } from "./defect-site.ts";

interface BorderPoint {
  readonly x: number;
  readonly y: number;
  readonly inwardX: number;
  readonly inwardY: number;
}

/** A point on the visible border, corners preferred: that is where tiles are knocked. */
function borderPoint(site: DefectSite): BorderPoint {
  const { dice } = site;
  const face = faceBox(site);
  const corner = dice.chance(0.45);
  const along = corner ? (dice.chance(0.5) ? dice.between(0, 0.12) : dice.between(0.88, 1)) : dice.between(0.1, 0.9);
  const x = face.left + along * (face.right - face.left);
  const y = face.top + along * (face.bottom - face.top);
  switch (dice.whole(0, 3)) {
    case 0:
      return { x, y: face.top, inwardX: 0, inwardY: 1 };
    case 1:
      return { x, y: face.bottom, inwardX: 0, inwardY: -1 };
    case 2:
      return { x: face.left, y, inwardX: 1, inwardY: 0 };
    default:
      return { x: face.right, y, inwardX: -1, inwardY: 0 };
  }
}

/** A shell knocked out of the border: one dull hollow with a hard rim and the ripples of a brittle fracture. */
function drawShell(site: DefectSite): void {
  const { canvas, dice, scale } = site;
  const at = borderPoint(site);
  const deep = dice.betweenLog(16, 72) * scale;
  const wide = deep * dice.between(0.9, 3);
  const [spreadX, spreadY] = at.inwardX === 0 ? [wide, deep] : [deep, wide];
  const [x0, y0] = [at.x - at.inwardX * deep * dice.between(0, 0.4), at.y - at.inwardY * deep * dice.between(0, 0.4)];
  const rough = roughTexture(dice);
  const ragged = fractalNoise(dice, 4, 0.55);
  const raggedness = dice.between(0.1, 0.35);
  const distance = (x: number, y: number): number => {
    const [dx, dy] = [(x - x0) / spreadX, (y - y0) / spreadY];
    return (Math.hypot(dx, dy) - 1 - raggedness * ragged(dx * 1.6, dy * 1.6)) * Math.min(spreadX, spreadY);
  };
  const ripplePx = dice.between(4, 11) * Math.sqrt(scale);
  const ripple = dice.between(0.02, 0.12);
  const [towardsX, towardsY] = [dice.between(-0.25, 0.25) / spreadX, dice.between(-0.25, 0.25) / spreadY];
  const rim = dice.between(-0.3, 0.35);
  const warp = fractalNoise(dice, 2, 0.5);
  const reach = 1.6;
  paintRegion(
    canvas,
    {
      box: {
        left: x0 - reach * spreadX,
        top: y0 - reach * spreadY,
        right: x0 + reach * spreadX,
        bottom: y0 + reach * spreadY,
      },
      coverage: (x, y) => softEdge(distance(x, y), 1.5),
      finish: {
        brightness: dice.chance(0.15) ? dice.between(0.75, 1.15) : dice.between(0.42, 0.75),
        marks: dice.between(0, 0.15),
      },
      relief: (x, y) => {
        const inside = -distance(x, y);
        const waves = ripple * Math.sin((inside + 5 * warp(x / 22, y / 22)) * ((2 * Math.PI) / ripplePx));
        const lip = rim * Math.exp(-(((inside - 1.5) / 1.6) ** 2));
        return Math.max(
          0.3,
          1 + waves + lip + (x - x0) * towardsX + (y - y0) * towardsY + 0.07 * rough(x, y) + 0.12 * warp(x / 9, y / 9),
        );
      },
    },
    true,
  );
}

/** A gouge: a narrow lens with one dark and one bright flank, as left by a blow with an edge. */
function drawGouge(site: DefectSite): void {
  const { canvas, dice, scale } = site;
  const at = borderPoint(site);
  const inward = dice.between(6, 26) * scale;
  const heading = at.inwardX !== 0 ? Math.PI / 2 + 0.25 * dice.normal() : dice.between(0, Math.PI);
  const lengthPx = dice.betweenLog(22, 90) * scale;
  const walk = {
    x: at.x + at.inwardX * inward - 0.5 * lengthPx * Math.cos(heading),
    y: at.y + at.inwardY * inward - 0.5 * lengthPx * Math.sin(heading),
    heading,
    lengthPx,
    wander: 0.05,
    bend: 0,
    taper: 0.75,
    unsteady: 0.7,
    halfWidthPx: dice.betweenLog(0.8, 3.2) * Math.sqrt(scale),
  };
  const line = walkLine(dice, walk);
  const lens = line.map((point, step) => ({
    ...point,
    strength: 1,
    halfWidthPx:
      walk.halfWidthPx *
      (0.25 + Math.sin((Math.PI * (step + 0.5)) / line.length)) *
      (point.halfWidthPx / walk.halfWidthPx + 0.4),
  }));
  const flank = lens.map((point) => ({
    ...point,
    x: point.x - Math.sin(heading) * walk.halfWidthPx,
    y: point.y + Math.cos(heading) * walk.halfWidthPx,
    halfWidthPx: point.halfWidthPx * 0.4,
  }));
  const rough = roughTexture(dice);
  const dark = strokeOf([lens], 1.5, 0);
  paintRegion(
    canvas,
    {
      ...dark,
      finish: { brightness: dice.between(0.38, 0.72), marks: 0.1 },
      relief: (x, y) => 1 + 0.09 * rough(x, y),
    },
    true,
  );
  paintRegion(
    canvas,
    { ...strokeOf([flank], 1.8, 0), finish: { brightness: dice.between(1.05, 1.5), marks: 0.5 } },
    true,
  );
}

/** A splintered corner: several flakes side by side, with creases between them. */
function drawSplinters(site: DefectSite): void {
  const { canvas, dice, scale } = site;
  const face = faceBox(site);
  const left = dice.chance(0.5);
  const lower = dice.chance(0.5);
  const [x0, y0] = [left ? face.left : face.right, lower ? face.bottom : face.top];
  const [wide, tall] = [dice.betweenLog(26, 90) * scale, dice.betweenLog(34, 130) * scale];
  const rough = roughTexture(dice);
  const ragged = fractalNoise(dice, 4, 0.6);
  const flakes = fractalNoise(dice, 2, 0.6);
  const distance = (x: number, y: number): number => {
    const [dx, dy] = [Math.abs(x - x0) / wide, Math.abs(y - y0) / tall];
    return (dx + dy - 1 - 0.45 * ragged(x / (0.4 * wide), y / (0.4 * tall))) * Math.min(wide, tall) * 0.7;
  };
  const tilt = dice.between(-0.2, 0.2);
  paintRegion(
    canvas,
    {
      box: { left: x0 - 2 * wide, top: y0 - 2 * tall, right: x0 + 2 * wide, bottom: y0 + 2 * tall },
      coverage: (x, y) => softEdge(distance(x, y), 1.5),
      finish: { brightness: dice.between(0.5, 0.95), marks: 0.08 },
      relief: (x, y) => {
        const flake = flakes((x + 0.5 * y) / (0.35 * wide + 4), (y - 0.3 * x) / (0.45 * tall + 4));
        const crease = Math.exp(-((flake / 0.07) ** 2));
        return Math.max(0.3, 1 + 0.25 * flake - 0.35 * crease + tilt * ((x - x0) / wide) + 0.09 * rough(x, y));
      },
    },
    true,
  );
}

/** Material knocked off: shells and splinters at the border, gouges near it. */
export const drawBreak: DrawDefect = (site) => {
  const kind = site.dice.unit();
  if (kind < 0.5) drawShell(site);
  else if (kind < 0.78) drawGouge(site);
  else drawSplinters(site);
};
