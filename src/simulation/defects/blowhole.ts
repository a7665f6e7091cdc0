import { paintRegion, softEdge } from "../canvas.ts";
import { fractalNoise } from "../noise.ts";
import type { DrawDefect } from "./defect-site.ts";
import { faceBox, roughTexture } from "./defect-site.ts";

/**
 * A pit left by gas: a dark, roughly oval hole of 5-20 px with a still darker wall on the side away from the lamp, a
 * paler floor and often a thin bright lip.
 */
export const drawBlowhole: DrawDefect = (site) => {
  const { canvas, dice, scale } = site;
  const face = faceBox(site);
  const radius = Math.max(2.2, dice.betweenLog(3, 10) * scale);
  const aspect = dice.chance(0.3) ? dice.between(1.5, 2.3) : dice.between(1, 1.4);
  const angle = dice.between(0, Math.PI);
  const margin = radius * 1.6 + 2;
  const x0 = dice.between(face.left + margin, face.right - margin);
  const y0 = dice.between(face.top + margin, face.bottom - margin);
  const ragged = fractalNoise(dice, 3, 0.6);
  const raggedness = dice.between(0.12, 0.5);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const stretch = Math.sqrt(aspect);
  const distance = (x: number, y: number): number => {
    const along = ((x - x0) * cos + (y - y0) * sin) / stretch;
    const across = ((y - y0) * cos - (x - x0) * sin) * stretch;
    const away = Math.hypot(along, across);
    const turn = 1.3 / (away + 0.5);
    return away - radius * (1 + raggedness * ragged(3 + along * turn, across * turn));
  };
  const lit = dice.between(0, 2 * Math.PI);
  const [litX, litY] = [Math.cos(lit) / radius, Math.sin(lit) / radius];
  const floor = dice.chance(0.15) ? dice.between(0.7, 0.85) : dice.between(0.4, 0.68);
  const rough = roughTexture(dice);
  const reach = radius * 2.6 + 5;
  const box = { left: x0 - reach, top: y0 - reach, right: x0 + reach, bottom: y0 + reach };
  const softness = dice.between(1.2, 2.6);
  if (dice.chance(0.5)) {
    const lip = dice.between(1.03, 1.15);
    paintRegion(
      canvas,
      {
        box,
        coverage: (x, y) =>
          Math.exp(-(((distance(x, y) - 1.4) / 1.2) ** 2)) * Math.max(0, 0.2 + (x - x0) * litX + (y - y0) * litY),
        finish: { brightness: lip, marks: 0.9 },
      },
      false,
    );
  }
  paintRegion(
    canvas,
    {
      box,
      coverage: (x, y) => softEdge(distance(x, y), softness),
      finish: { brightness: floor, marks: 0.12 },
      relief: (x, y) => {
        const wall = Math.exp(-(((distance(x, y) + 1.2) / 1.3) ** 2));
        const towardsLamp = (x - x0) * litX + (y - y0) * litY;
        return Math.max(0.3, 1 + 0.22 * towardsLamp - 0.3 * wall * (1 - 0.6 * towardsLamp) + 0.06 * rough(x, y));
      },
    },
    true,
  );
};
