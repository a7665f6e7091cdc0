import type { Canvas } from "./canvas.ts";
import type { Dice } from "./dice.ts";
import { fractalNoise } from "./noise.ts";
import type { SlowMap } from "./slow-map.ts";
import { readSlowRow, slowMap } from "./slow-map.ts";
import type { FieldView } from "./texture-fields.ts";
import { readFieldRow, textureFields, viewField } from "./texture-fields.ts";
import type { Columns } from "./tile-columns.ts";
import { tileColumns } from "./tile-columns.ts";
import type { TileOutline } from "./tile-outline.ts";
import { notchDistance } from "./tile-outline.ts";

/** A polished patch sends more light to the camera even between the glints. */
const POLISH_BRIGHTENS = 0.16;

/** Clouds of residue and wear, 1 on average. */
function cloudMap(dice: Dice, widthPx: number, heightPx: number): SlowMap {
  const wide = fractalNoise(dice, 2, 0.5);
  const clouds = fractalNoise(dice, 3, 0.65);
  const wideAmount = dice.between(0.1, 0.42);
  const cloudAmount = dice.between(0.02, 0.06);
  return slowMap(widthPx, heightPx, (x, y) => {
    const slow = wide((1.5 * x) / widthPx, (1.5 * y) / heightPx);
    return Math.max(0.3, 1 + wideAmount * slow + cloudAmount * clouds(x / 44, y / 75));
  });
}

/** Patches where the ground face mirrors the lamp: there the marks glint. */
function glossMap(dice: Dice, widthPx: number, heightPx: number): SlowMap {
  const patches = Array.from({ length: dice.whole(1, 4) }, () => ({
    x: dice.between(0, widthPx),
    y: dice.chance(0.6) ? (dice.chance(0.5) ? heightPx : 0) : dice.between(0, heightPx),
    spreadX: dice.between(0.06, 0.3) * widthPx,
    spreadY: dice.between(0.1, 0.55) * heightPx,
    amount: dice.betweenLog(0.3, 2.2),
  }));
  const broken = fractalNoise(dice, 3, 0.7);
  const everywhere = dice.between(0.15, 0.6);
  return slowMap(widthPx, heightPx, (x, y) => {
    let gloss = everywhere;
    for (const patch of patches) {
      const away = ((x - patch.x) / patch.spreadX) ** 2 + ((y - patch.y) / patch.spreadY) ** 2;
      gloss += patch.amount * Math.exp(-0.5 * away);
    }
    return Math.max(0.03, gloss * (1 + 0.7 * broken(x / 30, y / 70)));
  });
}

interface Marks {
  readonly views: readonly FieldView[];
  readonly weights: readonly number[];
  /** Where a mark is deep enough to glint, in deviations. */
  readonly glintFrom: number;
  readonly glintGain: number;
}

function grindingMarks(dice: Dice): Marks {
  const { grain, shortStreaks, midStreaks, longStreaks } = textureFields();
  const strength = dice.between(0.75, 1.3);
  return {
    views: [grain, shortStreaks, midStreaks, longStreaks].map((field) => viewField(field, dice)),
    weights: [
      0.042 * strength,
      0.024 * strength * dice.between(0.6, 1.4),
      0.027 * strength * dice.between(0.6, 1.4),
      0.032 * strength * dice.between(0.6, 1.6),
    ],
    glintFrom: dice.between(0.7, 1.1),
    glintGain: dice.between(0.06, 0.13),
  };
}

interface RowTextures {
  readonly grain: Float32Array;
  readonly short: Float32Array;
  readonly mid: Float32Array;
  readonly long: Float32Array;
  readonly clouds: Float32Array;
  readonly gloss: Float32Array;
}

interface RowPlace {
  readonly y: number;
  readonly shiftPx: number;
}

interface Surface {
  readonly columns: Columns;
  readonly clouds: SlowMap;
  readonly gloss: SlowMap;
  readonly marks: Marks;
}

function drawRow(canvas: Canvas, { y, shiftPx }: RowPlace, rows: RowTextures, { columns, marks }: Surface): void {
  const { widthPx, light, shade } = canvas;
  const { grain, short, mid, long } = rows;
  const [grainWeight = 0, shortWeight = 0, midWeight = 0, longWeight = 0] = marks.weights;
  const wholeShift = Math.floor(-shiftPx);
  const shiftFraction = -shiftPx - wholeShift;
  for (let x = 0; x < widthPx; x++) {
    const column = x + columns.marginPx + wholeShift;
    const body = (columns.body[column] ?? 1) * (1 - shiftFraction) + (columns.body[column + 1] ?? 1) * shiftFraction;
    const lineGloss =
      (columns.gloss[column] ?? 1) * (1 - shiftFraction) + (columns.gloss[column + 1] ?? 1) * shiftFraction;
    const g = grain[x] ?? 0;
    const s = short[x] ?? 0;
    const m = mid[x] ?? 0;
    const l = long[x] ?? 0;
    const polish = rows.gloss[x] ?? 0;
    const gloss = polish * lineGloss;
    const bare = body * (rows.clouds[x] ?? 1) * (0.94 + POLISH_BRIGHTENS * (polish < 2 ? polish : 2));
    const glint = 0.55 * l + 0.5 * m + 0.35 * s + 0.22 * g + 0.1 * (lineGloss - 1) - marks.glintFrom;
    const depth = gloss < 1.6 ? 0.65 + 0.3 * gloss : 1.13;
    const matt = g * grainWeight + s * shortWeight + (m * midWeight + l * longWeight) * depth;
    const mirrored = glint > 0 ? gloss * marks.glintGain * glint * (1 + 0.7 * glint) : 0;
    const at = y * widthPx + x;
    shade[at] = bare;
    light[at] = bare * (1 + matt + mirrored);
  }
}

/** The good face of a ground ferrite tile, filling the canvas: brightness about 1, before edges and marks of use. */
export function drawFace(canvas: Canvas, dice: Dice, outline: TileOutline): void {
  const { widthPx, heightPx } = canvas;
  const surface: Surface = {
    columns: tileColumns(dice, widthPx, outline),
    clouds: cloudMap(dice, widthPx, heightPx),
    gloss: glossMap(dice, widthPx, heightPx),
    marks: grindingMarks(dice),
  };
  const row = (): Float32Array => new Float32Array(widthPx);
  const rows: RowTextures = { grain: row(), short: row(), mid: row(), long: row(), clouds: row(), gloss: row() };
  const markRows = [rows.grain, rows.short, rows.mid, rows.long];
  for (let y = 0; y < heightPx; y++) {
    const place = { y, shiftPx: outline.shiftPx(y) };
    for (const [at, view] of surface.marks.views.entries()) {
      readFieldRow(view, y, place.shiftPx, markRows[at] ?? rows.grain);
    }
    readSlowRow(surface.clouds, y, rows.clouds);
    readSlowRow(surface.gloss, y, rows.gloss);
    drawRow(canvas, place, rows, surface);
  }
}

/** Background around the part, with the part's own lower side wall, a little lighter, where it shows. */
export function cutOutline(canvas: Canvas, dice: Dice, outline: TileOutline): void {
  const { widthPx, heightPx, light, shade, face } = canvas;
  const background = dice.between(0.1, 0.26);
  const wall = background + dice.between(0.04, 0.2);
  const wallView = viewField(textureFields().mottle, dice);
  const wallRow = new Float32Array(widthPx);
  const rim = dice.between(-0.25, 0.2);
  const tops = Float32Array.from({ length: widthPx }, (_, x) => outline.topPx(x));
  const bottoms = Float32Array.from({ length: widthPx }, (_, x) => outline.bottomPx(x));
  for (let y = 0; y < heightPx; y++) {
    const shiftPx = outline.shiftPx(y);
    readFieldRow(wallView, y, shiftPx, wallRow);
    const nearNotch = outline.notches.some((notch) => Math.abs(y - notch.y) < notch.radiusY + 8);
    for (let x = 0; x < widthPx; x++) {
      const sideways = Math.min(x - outline.leftPx - shiftPx, outline.rightPx + shiftPx - x);
      const upright = Math.min(y - (tops[x] ?? 0), (bottoms[x] ?? 0) - y);
      const straight = sideways < upright ? sideways : upright;
      const inside = nearNotch ? Math.min(straight, notchDistance(outline, x, y)) : straight;
      const at = y * widthPx + x;
      const onFace = inside > 1 ? 1 : inside < -0.5 ? 0 : (inside + 0.5) / 1.5;
      face[at] = onFace;
      if (inside > 6) continue;
      const edge = 1 + rim * Math.exp(-Math.max(0, inside) / 2);
      const beyond = (sideways < 0 ? background : wall) * (1 + 0.12 * (wallRow[x] ?? 0));
      light[at] = (light[at] ?? 0) * edge * onFace + beyond * (1 - onFace);
      shade[at] = (shade[at] ?? 0) * onFace + beyond * (1 - onFace);
    }
  }
}
