import type { DriftAlarm } from "./drift-detector.ts";
import { DISTANCE_STREAM } from "./drift-reference.ts";
import type { PlainStream } from "./observation.ts";

interface Wording {
  readonly up: string;
  readonly down: string;
  readonly what: string;
  readonly digits: number;
}

const WORDINGS: { readonly [S in PlainStream]: Wording } = {
  brightness: {
    what: "mean brightness (0 to 255)",
    up: "The images have become brighter: look at exposure, a new lamp, stray light.",
    down: "The images have become darker: look at the lamp, a dirty window, exposure.",
    digits: 1,
  },
  darkShare: {
    what: "share of black pixels",
    up: "More of the image is black: look for a failed lamp, a shadow, a part out of place.",
    down: "Less of the image is black: look for stray light, a new background, a part out of place.",
    digits: 3,
  },
  brightShare: {
    what: "share of saturated pixels",
    up: "More of the image is saturated: look at exposure, glare, a moved lamp.",
    down: "Less of the image is saturated: look at the lamp and exposure.",
    digits: 3,
  },
  sharpness: {
    what: "sharpness",
    up: "The images have become sharper or noisier: look at gain, a new surface, focus.",
    down: "The images have become blurred: look at focus, dirt on the lens, vibration, exposure time.",
    digits: 2,
  },
  ngScore: {
    what: "NG score",
    up: "Parts look worse to the model than usual: the process makes more defects, or the images have changed.",
    down: "Parts look better to the model than usual: look whether defects are still seen at all.",
    digits: 3,
  },
  confidence: {
    what: "confidence of the model",
    up: "The model has become surer than usual: look whether the camera still sees different parts.",
    down: "The model has become less sure: the parts or images differ from what it was trained on.",
    digits: 3,
  },
};

const isPlain = (stream: string): stream is PlainStream => stream in WORDINGS;

/** What changed and where to look, for an operator. */
export function describeDrift(alarm: DriftAlarm): string {
  const { stream, direction, usual, now, framesSinceStart } = alarm;
  const since = `for about ${framesSinceStart} frames`;
  if (isPlain(stream)) {
    const { what, digits, [direction]: sentence } = WORDINGS[stream];
    return `${sentence} The ${what} is ${now.toFixed(digits)} ${since}, usually ${usual.toFixed(digits)}.`;
  }
  const how = stream === DISTANCE_STREAM && direction === "up" ? "lie further from" : "lie elsewhere than";
  return (
    `The parts look different to the model ${since}: their features ${how} usual, though brightness and sharpness ` +
    "do not say why. Look for new material, another product, a moved camera or part holder."
  );
}

/** A stream that lies elsewhere than in a reference, in a few words. */
export function describeShift({
  stream,
  by,
  there,
  here,
}: {
  readonly stream: string;
  /** Standard deviations, signed. */
  readonly by: number;
  readonly there: number;
  readonly here: number;
}): string {
  const far = `${Math.abs(by).toFixed(1)} standard deviations ${by > 0 ? "higher" : "lower"}`;
  if (!isPlain(stream)) {
    return by > 0
      ? `their features lie further out (${far})`
      : `their features lie closer together (${far}): the line shows less variety`;
  }
  const { what, digits } = WORDINGS[stream];
  return `the ${what} is ${here.toFixed(digits)}, there ${there.toFixed(digits)} (${far})`;
}
