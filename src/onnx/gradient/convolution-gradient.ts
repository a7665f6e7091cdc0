import { intAttribute } from "../node.ts";
import { type Shape, windowOf } from "../tensor-shapes.ts";
import type { Convolution } from "./convolution.ts";
import { blockedDepthwiseWeightGradient, depthwiseWeightGradient } from "./depthwise-weight-gradient.ts";
import type { BackwardStep, GradientRule } from "./gradient-rule.ts";
import { inputShape, outputShape } from "./gradient-rule.ts";
import type { GraphWriter } from "./graph-writer.ts";

export const convolutionGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const [input = "", weight = ""] = node.input;
  const convolution: Convolution = {
    input: inputShape(step, 0),
    weight: inputShape(step, 1),
    output: outputShape(step),
    groups: intAttribute(node, "group", 1),
    window: windowOf(node, inputShape(step, 1)),
  };
  if (step.wants(0)) step.give(0, inputGradient(writer, convolution, weight, outputGradient));
  if (step.wants(1)) step.give(1, weightGradient(writer, convolution, input, outputGradient, step.channelBlock));
  if (node.input.length > 2 && step.wants(2)) step.give(2, biasGradient(step));
};

const biasGradient = ({ writer, outputGradient }: BackwardStep): string => writer.sumOver(outputGradient, [0, 2, 3]);

const isPointwise = ({ window, groups }: Convolution): boolean =>
  groups === 1 &&
  window.kernel.every((size) => size === 1) &&
  window.strides.every((stride) => stride === 1) &&
  window.pads.every((pad) => pad === 0);

/** dX: the output's gradient, spread out by the stride, convolved with the flipped kernel of exchanged channels. */
function inputGradient(writer: GraphWriter, convolution: Convolution, weight: string, outputGradient: string): string {
  const { input, output, groups, window } = convolution;
  const { kernel, strides, pads, dilations } = window;
  const spread = spreadByStride(writer, outputGradient, convolution);
  const before = ([0, 1] as const).map((axis) => dilations[axis] * (kernel[axis] - 1) - pads[axis]);
  const after = ([0, 1] as const).map(
    (axis) =>
      (input[axis + 2] ?? 0) +
      dilations[axis] * (kernel[axis] - 1) -
      (output[axis + 2] ?? 0) * strides[axis] -
      (before[axis] ?? 0),
  );
  const sides = [...before, ...after];
  const gradient = writer.node("Conv", [spread, flippedWeight(writer, convolution, weight)], {
    group: { int: groups },
    kernel_shape: { ints: [...kernel] },
    dilations: { ints: [...dilations] },
    pads: { ints: sides.map((size) => Math.max(0, size)) },
  });
  return sides.some((size) => size < 0) ? cropped(writer, gradient, sides) : gradient;
}

/** Pads larger than the kernel reaches give places nothing of the input stands behind. */
function cropped(writer: GraphWriter, gradient: string, sides: readonly number[]): string {
  const cut = sides.map((size) => Math.max(0, -size));
  const ends = [2, 3].map((side) => (cut[side] === 0 ? Number.MAX_SAFE_INTEGER : -(cut[side] ?? 0)));
  return writer.slice(gradient, [2, 3], cut.slice(0, 2), ends);
}

/**
 * [N,C,Ho,Wo] to [N,C,Ho*sh,Wo*sw] with zeros after each place: a product with a 0/1 matrix that puts the places of a row
 * apart and the empty rows behind it (padding element by element takes ten times as long).
 */
function spreadByStride(writer: GraphWriter, tensor: string, { output, window }: Convolution): string {
  const [batch = 0, channels = 0, height = 0, width = 0] = output;
  const [rowStride, columnStride] = window.strides;
  if (rowStride === 1 && columnStride === 1) return tensor;
  const spreadWidth = width * columnStride * rowStride;
  const places = new Float32Array(width * spreadWidth);
  for (let column = 0; column < width; column++) places[column * spreadWidth + column * columnStride] = 1;
  const rows = writer.reshape(tensor, [batch * channels * height, width]);
  const spread = writer.node("MatMul", [rows, writer.constant([width, spreadWidth], places)]);
  return writer.reshape(spread, [batch, channels, height * rowStride, width * columnStride]);
}

/** [Co,Ci/g,kh,kw] to [Ci,Co/g,kh,kw], rotated by 180 degrees. */
function flippedWeight(writer: GraphWriter, { input, output, groups, window }: Convolution, weight: string): string {
  const taps = window.kernel[0] * window.kernel[1];
  const outputs = (output[1] ?? 0) / groups;
  const inputs = (input[1] ?? 0) / groups;
  if (taps === 1 && groups === 1) {
    // Two dims: ONNX Runtime transposes four of them element by element.
    return writer.reshape(writer.transpose(writer.reshape(weight, [outputs, inputs]), [1, 0]), [inputs, outputs, 1, 1]);
  }
  let flat = writer.reshape(weight, [groups, outputs, inputs, taps]);
  if (taps > 1) {
    const reversed = BigInt64Array.from({ length: taps }, (_, tap) => BigInt(taps - 1 - tap));
    flat = writer.node("Gather", [flat, writer.constant([taps], reversed)], { axis: { int: 3 } });
  }
  const exchanged = outputs === 1 && inputs === 1 ? flat : writer.transpose(flat, [0, 2, 1, 3]);
  return writer.reshape(exchanged, [groups * inputs, outputs, ...window.kernel]);
}

function weightGradient(
  writer: GraphWriter,
  convolution: Convolution,
  input: string,
  outputGradient: string,
  channelBlock: number | null,
): string {
  const { weight, groups, output } = convolution;
  if (isPointwise(convolution)) {
    const product = writer.node(
      "Gemm",
      [channelsFirst(writer, outputGradient, output), channelsFirst(writer, input, convolution.input)],
      { transB: { int: 1 } },
    );
    return writer.reshape(product, weight);
  }
  if (groups === convolution.input[1] && groups === output[1]) {
    return channelBlock !== null && groups % channelBlock === 0
      ? blockedDepthwiseWeightGradient(writer, convolution, input, outputGradient)
      : depthwiseWeightGradient(writer, convolution, input, outputGradient);
  }
  return generalWeightGradient(writer, convolution, input, outputGradient);
}

/** [N,C,H,W] to [C,N*H*W]. */
function channelsFirst(writer: GraphWriter, tensor: string, shape: Shape): string {
  const [batch = 0, channels = 0, height = 0, width = 0] = shape;
  const planes = writer.reshape(tensor, [batch, channels, height * width]);
  return writer.reshape(writer.transpose(planes, [1, 0, 2]), [channels, batch * height * width]);
}

/** dW of any convolution: one slice of the padded input a tap, then per group one product over all places. */
function generalWeightGradient(
  writer: GraphWriter,
  { input, weight, output, groups, window }: Convolution,
  inputTensor: string,
  outputGradient: string,
): string {
  const [batch = 0, channels = 0] = input;
  const [, outputs = 0, height = 0, width = 0] = output;
  const [, perGroup = 0, rows = 0, columns = 0] = weight;
  const { pads, strides, dilations } = window;
  const padded = writer.padZeros(inputTensor, [0, 0, pads[0], pads[1]], [0, 0, pads[2], pads[3]]);
  const slices: string[] = [];
  for (let tap = 0; tap < rows * columns; tap++) {
    const top = Math.floor(tap / columns) * dilations[0];
    const left = (tap % columns) * dilations[1];
    const ends = [top + (height - 1) * strides[0] + 1, left + (width - 1) * strides[1] + 1];
    slices.push(
      writer.reshape(writer.slice(padded, [2, 3], [top, left], ends, [...strides]), [
        1,
        batch,
        channels,
        height * width,
      ]),
    );
  }
  const taps = slices.length;
  const stacked = writer.node("Concat", slices, { axis: { int: 0 } });
  const places = batch * height * width;
  const byGroup = writer.reshape(
    writer.transpose(writer.reshape(stacked, [taps, batch, groups, perGroup, height * width]), [2, 0, 3, 1, 4]),
    [groups, taps * perGroup, places],
  );
  const gradient = writer.reshape(
    writer.transpose(writer.reshape(outputGradient, [batch, groups, outputs / groups, height * width]), [1, 2, 0, 3]),
    [groups, outputs / groups, places],
  );
  const product = writer.node("MatMul", [gradient, writer.transpose(byGroup, [0, 2, 1])]);
  const ordered = writer.transpose(writer.reshape(product, [groups, outputs / groups, taps, perGroup]), [0, 1, 3, 2]);
  return writer.reshape(ordered, weight);
}
