import { SightlineError } from "../contracts/errors.ts";

/** The number an option was given; USAGE with what it takes where it does not lie within. */
export function numberOption(
  text: string,
  option: string,
  within: { readonly takes: string; readonly accepts: (value: number) => boolean },
): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (Number.isFinite(value) && within.accepts(value)) return value;
  throw new SightlineError("USAGE", `--${option} ${text}: use ${within.takes}`);
}

/** Strictly between 0 and 1. */
export const shareOption = (text: string, option: string): number =>
  numberOption(text, option, { takes: "a number between 0 and 1", accepts: (value) => value > 0 && value < 1 });
