import type { Image } from "../imaging/image.ts";
import { applyDust, applyLamp, blurLight, exposeSensor } from "./camera-optics.ts";
import type { Canvas } from "./canvas.ts";
import { blankCanvas } from "./canvas.ts";
import { drawBlowhole } from "./defects/blowhole.ts";
import { drawBreak } from "./defects/break.ts";
import { drawCrack } from "./defects/crack.ts";
import type { DrawDefect } from "./defects/defect-site.ts";
import { drawFray } from "./defects/fray.ts";
import { drawUneven } from "./defects/uneven.ts";
import { partDice } from "./dice.ts";
import type { DefectClass, DriftState, LineSettings, PartClass } from "./line-settings.ts";
import { DEFECT_CLASSES, driftAt } from "./line-settings.ts";
import { addMarksOfUse } from "./marks-of-use.ts";
import { tileOutline } from "./tile-outline.ts";
import { cutOutline, drawFace } from "./tile-surface.ts";

/** One part of the simulated line with everything known about it. */
export interface SimulatedPart {
  readonly partId: string;
  readonly index: number;
  readonly label: PartClass;
  /** 8-bit grey. */
  readonly image: Image;
  /** 8-bit grey of the same size: 255 where the defect is, else 0; all 0 for `free`. */
  readonly mask: Image;
  readonly drift: DriftState;
}

const DRAWN: Readonly<Record<DefectClass, DrawDefect>> = {
  blowhole: drawBlowhole,
  break: drawBreak,
  crack: drawCrack,
  fray: drawFray,
  uneven: drawUneven,
};

/** Side of the square with the area of a median photograph, px. */
const PHOTOGRAPH_SIDE_PX = 311;
const LENS_BLUR_PX = 0.37;
/** A defect that falls outside the visible face is drawn again elsewhere, at most this often. */
const ATTEMPTS = 12;
const SMALLEST_DEFECT_PX = 12;

export const partIdOf = (settings: LineSettings, index: number): string =>
  `sim-${settings.seed}-${String(index).padStart(6, "0")}`;

/** The class of part `index`: drawn with the line's defect rate and class mix. */
export function labelOf(settings: Pick<LineSettings, "seed" | "defectRate" | "classMix">, index: number): PartClass {
  const dice = partDice(settings.seed, index, "plan");
  if (!dice.chance(settings.defectRate)) return "free";
  const total = DEFECT_CLASSES.reduce((sum, name) => sum + (settings.classMix[name] ?? 0), 0);
  let left = dice.between(0, total);
  for (const name of DEFECT_CLASSES) {
    left -= settings.classMix[name] ?? 0;
    if (left < 0) return name;
  }
  return "free";
}

const countMarked = (mask: Uint8Array): number => mask.reduce((count, value) => count + (value === 0 ? 0 : 1), 0);

function drawPart(settings: LineSettings, index: number, label: PartClass): Canvas {
  const { seed, widthPx, heightPx } = settings;
  const canvas = blankCanvas(widthPx, heightPx);
  const scale = Math.sqrt(widthPx * heightPx) / PHOTOGRAPH_SIDE_PX;
  const dice = partDice(seed, index, "surface");
  const outline = tileOutline(dice, widthPx, heightPx, scale);
  drawFace(canvas, dice, outline);
  cutOutline(canvas, dice, outline);
  addMarksOfUse(canvas, partDice(seed, index, "marks"), scale);
  if (label === "free") return canvas;
  const site = { canvas, outline, dice: partDice(seed, index, "defect"), scale };
  for (let attempt = 0; attempt < ATTEMPTS && countMarked(canvas.mask) < SMALLEST_DEFECT_PX; attempt++)
    DRAWN[label](site);
  return canvas;
}

function photograph(canvas: Canvas, settings: LineSettings, index: number): Image {
  const drift = driftAt(settings, index);
  const dice = partDice(settings.seed, index, "sensor");
  applyLamp(canvas, settings.lighting, settings.seed);
  applyDust(canvas, settings.seed, drift.dustSpots);
  blurLight(canvas, Math.hypot(LENS_BLUR_PX, drift.blurPx));
  const pixels = exposeSensor(canvas, settings.lighting.meanGrey, drift, dice);
  return { pixels, widthPx: settings.widthPx, heightPx: settings.heightPx, channels: 1 };
}

/** Part `index` (0, 1, ...) of the line: a pure function of its arguments, byte for byte. */
export function renderPart(settings: LineSettings, index: number): SimulatedPart {
  const { widthPx, heightPx } = settings;
  const label = labelOf(settings, index);
  const canvas = drawPart(settings, index, label);
  return {
    partId: partIdOf(settings, index),
    index,
    label,
    image: photograph(canvas, settings, index),
    mask: { pixels: canvas.mask, widthPx, heightPx, channels: 1 },
    drift: driftAt(settings, index),
  };
}

/** The same part, as it would look without its defect: same surface, marks of use and sensor noise. */
export const renderWithoutDefect = (settings: LineSettings, index: number): Image =>
  photograph(drawPart(settings, index, "free"), settings, index);
