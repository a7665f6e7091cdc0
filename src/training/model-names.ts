import { MODEL_INPUT, MODEL_OUTPUTS } from "../contracts/model-bundle.ts";

export const EMBEDDING = "embedding";
/** Every node and tensor of the input stage and of the head starts with these. */
export const INPUT_PREFIX = "input.";
export const HEAD_PREFIX = "head.";
/** Class scores of every place of the last feature map, [N,C,h,w]; a 1x1 convolution with MAP_WEIGHT [C,D,1,1]. */
export const HEATMAP = "heatmap";
export const MAP_WEIGHT = "head.map_weight";
/** Class scores of the image, [N,C], before their calibration. */
export const LOGITS = "head.logits";

const RESERVED: readonly string[] = [MODEL_INPUT, ...MODEL_OUTPUTS];

/** The name a base's own tensor or node of this name gets: another where the device graph uses it for itself. */
export const baseName = (name: string): string =>
  RESERVED.includes(name) || name.startsWith(INPUT_PREFIX) || name.startsWith(HEAD_PREFIX) ? `base.${name}` : name;
