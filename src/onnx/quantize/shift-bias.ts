import { indexGraph, initializerNamed, replaceInitializer } from "../graph.ts";
import { copyModel, type Model } from "../model-file.ts";
import { floatData, makeTensor, tensorData, tensorDims } from "../tensor.ts";
import { type KeepFloat, planQuantization, type QuantizationTarget } from "./plan-quantization.ts";

/** A convolution with a bias, in the float32 model and in the one quantised from it. */
export interface BiasSite {
  /** Output of the convolution before its activation, [N,C,h,w]: in float32, and quantised. */
  readonly floatTensor: string;
  readonly integerTensor: string;
  /** Its stored bias in the quantised model. */
  readonly bias: string;
  /** Step of each channel's bias, a tensor; undefined where the bias stayed float32. */
  readonly scale: string | undefined;
}

/** The sites in graph order, so that each can be corrected after all before it. */
export function biasSites(float: Model, keepFloat: KeepFloat, target: QuantizationTarget): BiasSite[] {
  const plan = planQuantization(float.graph, indexGraph(float.graph), { keepFloat, target });
  const renamed = new Map(plan.folded.map((node) => [node.input[0] ?? "", node.output[0] ?? ""]));
  return plan.layers.flatMap(({ node, bias }): BiasSite[] => {
    const [output = ""] = node.output;
    if (bias === undefined || node.opType !== "Conv") return [];
    const isStoredAsInteger = target === "cpu";
    return [
      {
        floatTensor: output,
        integerTensor: renamed.get(output) ?? output,
        bias: isStoredAsInteger ? `${output}.bias.quantized` : bias.name,
        scale: isStoredAsInteger ? `${output}.bias.scale` : undefined,
      },
    ];
  });
}

/** Adds `shift`, one value a channel in the unit of the layer's output, to a bias of the quantised model. */
export function shiftBias(model: Model, { bias, scale }: BiasSite, shift: Float32Array): Model {
  const shifted = copyModel(model);
  const tensor = initializerNamed(shifted.graph, bias);
  const values = tensorData(tensor);
  if (scale === undefined) {
    const moved = floatData(tensor).map((value, channel) => value + (shift[channel] ?? 0));
    replaceInitializer(shifted.graph, makeTensor(bias, tensorDims(tensor), moved));
    return shifted;
  }
  const steps = floatData(initializerNamed(shifted.graph, scale));
  // A channel of tiny weights has a bias near the end of int32: it must stop there, not wrap around.
  const moved = Int32Array.from(steps, (step, channel) =>
    clampInt32(Math.round(Number(values[channel] ?? 0) + (shift[channel] ?? 0) / step)),
  );
  replaceInitializer(shifted.graph, makeTensor(bias, tensorDims(tensor), moved));
  return shifted;
}

const clampInt32 = (value: number): number => Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), value));
