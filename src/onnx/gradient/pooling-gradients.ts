import { intAttribute } from "../node.ts";
import { elementCount, makeTensor } from "../tensor.ts";
import { type Shape, windowOf } from "../tensor-shapes.ts";
import { type GradientRule, inputShape, outputShape } from "./gradient-rule.ts";
import type { GraphWriter } from "./graph-writer.ts";

/** Each place of the input gets its share of the mean's gradient. */
export const globalAveragePoolGradient: GradientRule = (step) => {
  const { writer, outputGradient } = step;
  const shape = inputShape(step, 0);
  const share = writer.node("Mul", [outputGradient, writer.scalar(1 / ((shape[2] ?? 1) * (shape[3] ?? 1)))]);
  step.give(0, writer.node("Expand", [share, writer.integers(shape)]));
};

/**
 * The window's gradient goes to the place its maximum came from; of equal ones, the first. Needs the pooling's second
 * output: where in the flattened input each maximum lies.
 */
export const maxPoolGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const shape = inputShape(step, 0);
  const places = node.output[1] ?? "";
  if (places === "") throw new Error(`node ${node.name} (MaxPool): its indices were not asked for`);
  const zeros = zerosOf(writer, [elementCount(shape)]);
  const scattered = writer.node(
    "ScatterElements",
    [zeros, writer.reshape(places, [-1]), writer.reshape(outputGradient, [-1])],
    { axis: { int: 0 }, reduction: { string: "add" } },
  );
  step.give(0, writer.reshape(scattered, shape));
};

/** Each chosen element's gradient goes to the place it was chosen from; the others get none. */
export const topGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const inputs = [zerosOf(writer, inputShape(step, 0)), node.output[1] ?? "", outputGradient];
  step.give(0, writer.node("ScatterElements", inputs, { axis: { int: intAttribute(node, "axis", -1) } }));
};

const zerosOf = (writer: GraphWriter, shape: Shape): string =>
  writer.node("ConstantOfShape", [writer.integers(shape)], {
    value: { tensor: makeTensor("", [1], Float32Array.of(0)) },
  });

/** A transposed depthwise convolution with a kernel of ones, after each window's gradient is divided by its places. */
export const averagePoolGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const [, channels = 0, height = 0, width = 0] = inputShape(step, 0);
  const output = outputShape(step);
  const { kernel, strides, pads, dilations } = windowOf(node);
  const countPadding = intAttribute(node, "count_include_pad", 0) !== 0;
  const shares = new Float32Array((output[2] ?? 0) * (output[3] ?? 0));
  const inside = (index: number, axis: 0 | 1, size: number): number => {
    if (countPadding) return kernel[axis];
    const start = index * strides[axis] - pads[axis];
    let places = 0;
    for (let tap = 0; tap < kernel[axis]; tap++) {
      const place = start + tap * dilations[axis];
      if (place >= 0 && place < size) places++;
    }
    return places;
  };
  shares.forEach((_, place) => {
    const row = Math.floor(place / (output[3] ?? 1));
    shares[place] = 1 / (inside(row, 0, height) * inside(place % (output[3] ?? 1), 1, width));
  });
  const shared = writer.node("Mul", [outputGradient, writer.constant([1, 1, output[2] ?? 0, output[3] ?? 0], shares)]);
  const ones = writer.constant([channels, 1, ...kernel], new Float32Array(channels * kernel[0] * kernel[1]).fill(1));
  const left = ([0, 1] as const).map((axis) => {
    const reach = ((output[axis + 2] ?? 0) - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1;
    return (axis === 0 ? height : width) + pads[axis] + pads[axis === 0 ? 2 : 3] - reach;
  });
  step.give(
    0,
    writer.node("ConvTranspose", [shared, ones], {
      group: { int: channels },
      kernel_shape: { ints: [...kernel] },
      strides: { ints: [...strides] },
      pads: { ints: [...pads] },
      dilations: { ints: [...dilations] },
      output_padding: { ints: left },
    }),
  );
};
