import type { StepRule } from "../../analysis/step-assumptions.ts";
import type { TrainingWish } from "./training-wish.ts";

type Options = Pick<TrainingWish, "layers" | "augment" | "epochs">;

export interface TrainingAdvice {
  readonly rule: StepRule;
  readonly options: Options;
  /** What is different from the last run, and why. */
  readonly sentence: string;
}

const LAYERS = ["head", "last:4", "gradual", "all"] as const;
const AUGMENTS = ["none", "light", "standard", "strong"] as const;
const NEW_DATA: readonly StepRule[] = [
  "more-data",
  "targeted-data",
  "like-production",
  "fix-labels",
  "fix-baseline-labels",
];

/** What the rules of the diagnosis mean for the options of the next training, each against the options of the last. */
export function trainingAdvice(last: Options): TrainingAdvice[] {
  const { layers, augment } = last;
  const deeper = LAYERS[Math.min(LAYERS.length - 1, LAYERS.findIndex((each) => each === layers) + 1)] ?? "all";
  const shallower = LAYERS[Math.max(0, LAYERS.findIndex((each) => each === layers) - 1)] ?? "head";
  const stronger = AUGMENTS[Math.min(AUGMENTS.length - 1, AUGMENTS.indexOf(augment) + 1)] ?? "strong";
  const more = deeper === layers;
  return [
    {
      rule: "stronger-model",
      options: { layers: deeper, augment, epochs: more && last.epochs !== null ? last.epochs * 2 : last.epochs },
      sentence: more
        ? "The model does not fit its own training parts: train all layers for longer."
        : `The model does not fit its own training parts: train ${deeper} instead of ${layers}.`,
    },
    {
      rule: "regularise",
      options: { layers: augment === "strong" ? shallower : layers, augment: stronger, epochs: last.epochs },
      sentence:
        augment === "strong"
          ? `The model learns its parts by heart: train ${shallower} instead of ${layers}.`
          : `The model learns its parts by heart: augment ${stronger} instead of ${augment}.`,
    },
    {
      rule: "imitate-production",
      options: { layers, augment: stronger, epochs: last.epochs },
      sentence: `Production looks different from the training parts: augment ${stronger} instead of ${augment}.`,
    },
    ...NEW_DATA.map((rule): TrainingAdvice => {
      return { rule, options: { ...last }, sentence: "The data are what is new: the same options on a new version." };
    }),
  ];
}
