import { paintRegion, softEdge } from "../canvas.ts";
import { fractalNoise } from "../noise.ts";
import type { DefectSite, DrawDefect } from "./defect-site.ts";

/** The finish beyond a step of the grinding: brighter and more marked, or duller, from plain to hardly visible. */
function otherFinish({ dice }: DefectSite): { brightness: number; marks: number } {
  const brighter = dice.chance(0.65);
  return {
    brightness: brighter ? 1 + dice.betweenLog(0.025, 0.2) : 1 - dice.betweenLog(0.03, 0.14),
    marks: brighter ? dice.between(1.15, 1.65) : dice.between(0.3, 0.75),
  };
}

/** Ground in two passes: a slightly curved, nearly level step parts two finishes. */
function drawStep(site: DefectSite): void {
  const { canvas, dice } = site;
  const { widthPx, heightPx } = canvas;
  const upper = dice.chance(0.5);
  const share = dice.between(0.2, 0.6);
  const level = (upper ? share : 1 - share) * heightPx;
  const [tilt, arc] = [0.06 * dice.normal(), dice.between(-0.06, 0.06) * heightPx];
  const rough = fractalNoise(dice, 3, 0.6);
  const roughPx = dice.between(1, 4);
  const softness = dice.betweenLog(1.5, 14);
  const distance = (x: number, y: number): number => {
    const across = (2 * x) / widthPx - 1;
    const step = level + tilt * (x - widthPx / 2) + arc * across * across + roughPx * rough(x / 17, 0);
    return upper ? y - step : step - y;
  };
  const bands = fractalNoise(dice, 2, 0.6);
  const box = { left: 0, top: 0, right: widthPx, bottom: heightPx };
  const crease = dice.between(0, 0.14);
  const creasePx = dice.between(1, 2.5);
  paintRegion(
    canvas,
    {
      box,
      coverage: (x, y) => softEdge(distance(x, y), softness),
      finish: otherFinish(site),
      relief: (x, y) => 1 + 0.05 * bands(x / 40, 0) - crease * Math.exp(-((distance(x, y) / creasePx) ** 2)),
    },
    true,
  );
}

/** A bounded patch of another finish, its border following the marks on the sides and soft above and below. */
function drawPatch(site: DefectSite): void {
  const { canvas, dice } = site;
  const { widthPx, heightPx } = canvas;
  const [x0, y0] = [dice.between(0.15, 0.85) * widthPx, dice.between(0.1, 0.9) * heightPx];
  const [wide, tall] = [dice.between(0.15, 0.4) * widthPx, dice.between(0.15, 0.45) * heightPx];
  const wavy = fractalNoise(dice, 3, 0.55);
  const softness = dice.betweenLog(2, 16);
  const reach = 1.7;
  paintRegion(
    canvas,
    {
      box: { left: x0 - reach * wide, top: y0 - reach * tall, right: x0 + reach * wide, bottom: y0 + reach * tall },
      coverage: (x, y) => {
        const [dx, dy] = [(x - x0) / wide, (y - y0) / tall];
        const away = (dx ** 4 + dy ** 4) ** 0.25 + 0.3 * wavy(dx * 1.5, dy * 1.5);
        return softEdge((away - 1) * Math.min(wide, tall), softness);
      },
      finish: otherFinish(site),
    },
    true,
  );
}

/** Ground unevenly: part of the face has another brightness and other marks than the rest. */
export const drawUneven: DrawDefect = (site) => {
  if (site.dice.chance(0.75)) drawStep(site);
  else drawPatch(site);
};
