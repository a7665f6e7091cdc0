import {
  clipGradient,
  hardSigmoidGradient,
  hardSwishGradient,
  reluGradient,
  sigmoidGradient,
} from "./activation-gradients.ts";
import { convolutionGradient } from "./convolution-gradient.ts";
import {
  addGradient,
  concatGradient,
  gemmGradient,
  identityGradient,
  mulGradient,
  reshapeGradient,
} from "./elementwise-gradients.ts";
import type { GradientRule } from "./gradient-rule.ts";
import { averagePoolGradient, globalAveragePoolGradient, maxPoolGradient, topGradient } from "./pooling-gradients.ts";

/** The operators a trained layer may be made of. Dropout does nothing where the network is used, so nothing here. */
export const GRADIENT_RULES: Readonly<Record<string, GradientRule>> = {
  Add: addGradient,
  AveragePool: averagePoolGradient,
  Clip: clipGradient,
  Concat: concatGradient,
  Conv: convolutionGradient,
  Dropout: identityGradient,
  Flatten: reshapeGradient,
  Gemm: gemmGradient,
  GlobalAveragePool: globalAveragePoolGradient,
  HardSigmoid: hardSigmoidGradient,
  HardSwish: hardSwishGradient,
  Identity: identityGradient,
  MaxPool: maxPoolGradient,
  Mul: mulGradient,
  Relu: reluGradient,
  Reshape: reshapeGradient,
  Sigmoid: sigmoidGradient,
  TopK: topGradient,
};
