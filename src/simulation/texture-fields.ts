import type { Dice } from "./dice.ts";
import { rollDice } from "./dice.ts";

/** A field covers 512 x 512 px and repeats; two samples per pixel across, so that sub-pixel shifts keep it sharp. */
export const FIELD_PX = 512;
export const SAMPLES_PER_PX = 2;
export const FIELD_WIDTH = FIELD_PX * SAMPLES_PER_PX;

/** Zero mean, unit deviation, `FIELD_WIDTH` x `FIELD_PX` values, seamless at the borders. */
export type Field = Float32Array;

/** What grinding and sintering leave on ferrite, from the finest grain to streaks as long as the part. */
export interface TextureFields {
  readonly grain: Field;
  readonly shortStreaks: Field;
  readonly midStreaks: Field;
  readonly longStreaks: Field;
  readonly mottle: Field;
}

function whiteNoise(dice: Dice): Field {
  const field = new Float32Array(FIELD_WIDTH * FIELD_PX);
  for (let at = 0; at < field.length; at++) field[at] = dice.unit() + dice.unit() - 1;
  return field;
}

/** Box blur along rows, circular, `radius` samples each side. */
function blurAcross(field: Field, radius: number): Field {
  const blurred = new Float32Array(field.length);
  for (let row = 0; row < FIELD_PX; row++) {
    const start = row * FIELD_WIDTH;
    let sum = 0;
    for (let column = -radius; column <= radius; column++)
      sum += field[start + ((column + FIELD_WIDTH) % FIELD_WIDTH)] ?? 0;
    for (let column = 0; column < FIELD_WIDTH; column++) {
      blurred[start + column] = sum;
      sum += field[start + ((column + radius + 1) % FIELD_WIDTH)] ?? 0;
      sum -= field[start + ((column - radius + FIELD_WIDTH) % FIELD_WIDTH)] ?? 0;
    }
  }
  return blurred;
}

/** First-order recursive filter down the columns, run twice around so that the ends meet. */
function smearDown(field: Field, lengthPx: number): Field {
  const keep = Math.exp(-1 / lengthPx);
  const state = new Float32Array(FIELD_WIDTH);
  for (let row = -FIELD_PX; row < FIELD_PX; row++) {
    const start = ((row + FIELD_PX) % FIELD_PX) * FIELD_WIDTH;
    for (let column = 0; column < FIELD_WIDTH; column++) {
      const value = keep * (state[column] ?? 0) + (1 - keep) * (field[start + column] ?? 0);
      state[column] = value;
      if (row >= 0) field[start + column] = value;
    }
  }
  return field;
}

function normalise(field: Field): Field {
  let sum = 0;
  let squares = 0;
  for (const value of field) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / field.length;
  const deviation = Math.sqrt(squares / field.length - mean * mean);
  for (let at = 0; at < field.length; at++) field[at] = ((field[at] ?? 0) - mean) / deviation;
  return field;
}

function mixed(parts: readonly (readonly [Field, number])[]): Field {
  const field = new Float32Array(FIELD_WIDTH * FIELD_PX);
  for (const [part, weight] of parts)
    for (let at = 0; at < field.length; at++) field[at] = (field[at] ?? 0) + weight * (part[at] ?? 0);
  return normalise(field);
}

function streaks(dice: Dice, lengthPx: number, widthSamples: number): Field {
  return normalise(smearDown(blurAcross(whiteNoise(dice), widthSamples), lengthPx));
}

function isotropic(dice: Dice, radiusPx: number): Field {
  let field = whiteNoise(dice);
  for (let pass = 0; pass < 2; pass++) field = blurAcross(field, radiusPx * SAMPLES_PER_PX);
  return normalise(smearDown(smearDown(field, radiusPx), radiusPx));
}

let fields: TextureFields | undefined;

/** Built on first use (about a quarter of a second) and shared: the same on every machine, whatever the line's seed. */
export function textureFields(): TextureFields {
  if (fields === undefined) {
    const dice = rollDice(0xfe77);
    fields = {
      grain: normalise(smearDown(whiteNoise(dice), 0.5)),
      shortStreaks: streaks(dice, 5, 1),
      midStreaks: mixed([
        [streaks(dice, 22, 0), 1],
        [streaks(dice, 40, 2), 0.35],
      ]),
      longStreaks: mixed([
        [streaks(dice, 160, 0), 1],
        [streaks(dice, 220, 3), 0.5],
      ]),
      mottle: mixed([
        [isotropic(dice, 1), 1],
        [isotropic(dice, 3), 0.8],
        [isotropic(dice, 9), 0.6],
      ]),
    };
  }
  return fields;
}

/** Where a part's surface lies in a field: every part sees another piece of it, mirrored or not. */
export interface FieldView {
  readonly field: Field;
  readonly columnSample: number;
  readonly rowPx: number;
}

export const viewField = (field: Field, dice: Dice): FieldView => ({
  field,
  columnSample: dice.between(0, FIELD_WIDTH),
  rowPx: dice.whole(0, FIELD_PX - 1),
});

/** Writes one image row of the field into `row`, moved right by `shiftPx` (any fraction). */
export function readFieldRow(view: FieldView, yPx: number, shiftPx: number, row: Float32Array): void {
  const start = ((yPx + view.rowPx) & (FIELD_PX - 1)) * FIELD_WIDTH;
  const first = view.columnSample - shiftPx * SAMPLES_PER_PX;
  const whole = Math.floor(first);
  const fraction = first - whole;
  for (let x = 0, column = whole; x < row.length; x++, column += SAMPLES_PER_PX) {
    const left = view.field[start + (column & (FIELD_WIDTH - 1))] ?? 0;
    const right = view.field[start + ((column + 1) & (FIELD_WIDTH - 1))] ?? 0;
    row[x] = left + (right - left) * fraction;
  }
}
