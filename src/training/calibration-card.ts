import type { EscapeCertificate } from "../contracts/model-bundle.ts";
import type { ChosenLimits } from "./choose-limits.ts";
import { CARD_FILE, type EditableBundle } from "./edit-bundle.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import type { CardSection } from "./replace-section.ts";

export interface CalibrationFacts {
  readonly temperature: { readonly before: number; readonly after: number; readonly regions: number };
  readonly chosen: ChosenLimits;
  readonly certificate: EscapeCertificate | null;
  readonly sentences: readonly string[];
  readonly leftOut: { readonly trained: number; readonly synthetic: number };
  readonly frames: readonly JudgedFrame[];
}

/** Section of the model card. */
export function calibrationCard(facts: CalibrationFacts): CardSection {
  const { temperature, chosen, certificate, leftOut, frames } = facts;
  const parts = new Set(frames.map(({ group }) => group)).size;
  const lines = [
    `Decision on the NG score (1 - probability of the good classes): pass below ${chosen.limits.passBelow.toFixed(4)}, ` +
      `reject from ${chosen.limits.rejectFrom.toFixed(4)}, a person between. These limits replace any stated elsewhere on this card.`,
    "",
    `- From ${frames.length} frames of ${parts} parts; left out: ${leftOut.trained} of parts the model was trained on, ` +
      `${leftOut.synthetic} synthetic.`,
    temperature.regions === 0
      ? `- Temperature ${temperature.after.toFixed(3)}, kept.`
      : `- Temperature ${temperature.after.toFixed(3)} (before ${temperature.before.toFixed(3)}), fitted on ${temperature.regions} regions.`,
    ...facts.sentences.map((sentence) => `- ${sentence[0]?.toUpperCase() ?? ""}${sentence.slice(1)}.`),
    ...(certificate === null
      ? []
      : [
          "",
          "The certificate counts parts, not frames, and is void when model.onnx or the limits change, when the line " +
            "makes other defects than these parts had, and when drift is alarmed.",
        ]),
  ];
  return { heading: "Calibration", text: lines.join("\n") };
}

/** The bundle with a card that no longer states the limits it had: "Calibration" states them. */
export function withoutOldLimits(bundle: EditableBundle): EditableBundle {
  const card = bundle.files.get(CARD_FILE);
  if (card === undefined) return bundle;
  const text = new TextDecoder()
    .decode(card)
    .replace(/^- Decision on the NG score[^\n]*(\n {2}[^\n]*)*\n/m, "- Decision on the NG score: see Calibration.\n")
    .replace(/^- Nothing is promised: the bundle carries no certificate\.[^\n]*(\n {2}[^\n]*)*\n/m, "");
  return { ...bundle, files: new Map(bundle.files).set(CARD_FILE, new TextEncoder().encode(text)) };
}
