import type { Convolution } from "./convolution.ts";
import type { GraphWriter } from "./graph-writer.ts";

/**
 * dW of a depthwise convolution, [C,1,kh,kw], as matrix products instead of the grouped convolution with a kernel as
 * large as the image that it is by definition (7 to 20 times slower in ONNX Runtime on a CPU, unless channels are blocked). For one channel and one
 * kernel row, M[j,q] = sum over images and output rows of dY[row,j] * X[row',q] holds every product of an output column
 * j with an input column q; a tap's gradient is the sum of the M with q = stride * j + dilation * tap: a diagonal.
 */
export function depthwiseWeightGradient(
  writer: GraphWriter,
  { input, weight, output, window }: Convolution,
  inputTensor: string,
  outputGradient: string,
): string {
  const [batch = 0, channels = 0, , inputWidth = 0] = input;
  const [, , height = 0, width = 0] = output;
  const [, , kernelRows = 0, kernelColumns = 0] = weight;
  const { pads, strides, dilations } = window;
  // [C,N,H,W]: whole planes move, so this is a copy of blocks.
  const planes = writer.transpose(inputTensor, [1, 0, 2, 3]);
  const padded = writer.padZeros(planes, [0, 0, pads[0], 0], [0, 0, pads[2], 0]);
  const rows = Array.from({ length: kernelRows }, (_, row) => {
    const start = row * dilations[0];
    const end = start + (height - 1) * strides[0] + 1;
    return writer.slice(padded, [2], [start], [end], [strides[0]]);
  });
  const stacked = writer.node("Concat", rows, { axis: { int: 3 } });
  const inputRows = writer.reshape(stacked, [channels, batch * height, kernelRows * inputWidth]);
  const gradientRows = writer.reshape(writer.transpose(outputGradient, [1, 0, 2, 3]), [
    channels,
    batch * height,
    width,
  ]);
  const products = writer.node("MatMul", [writer.transpose(gradientRows, [0, 2, 1]), inputRows]);
  // [C,Wo,kh*W] to [C*kh,Wo*W], times the 0/1 matrix that picks each tap's diagonal.
  const byRow = writer.transpose(writer.reshape(products, [channels, width, kernelRows, inputWidth]), [0, 2, 1, 3]);
  const flat = writer.reshape(byRow, [channels * kernelRows, width * inputWidth]);
  const diagonals = new Float32Array(width * inputWidth * kernelColumns);
  for (let column = 0; column < width; column++) {
    for (let tap = 0; tap < kernelColumns; tap++) {
      const source = column * strides[1] + tap * dilations[1] - pads[1];
      if (source >= 0 && source < inputWidth) diagonals[(column * inputWidth + source) * kernelColumns + tap] = 1;
    }
  }
  const picked = writer.node("MatMul", [flat, writer.constant([width * inputWidth, kernelColumns], diagonals)]);
  return writer.reshape(picked, weight);
}

/**
 * The same by definition, for blocked channels, where it takes a quarter of the time: each channel of each image is convolved
 * with its output's gradient as the kernel; stride and dilation change places.
 */
export function blockedDepthwiseWeightGradient(
  writer: GraphWriter,
  { input, weight, output, window }: Convolution,
  inputTensor: string,
  outputGradient: string,
): string {
  const [batch = 0, channels = 0, ...inputSize] = input;
  const outputSize = output.slice(2);
  const { kernel, strides, pads, dilations } = window;
  const planes = batch * channels;
  // What lies behind the last window is read by no tap.
  const after = ([0, 1] as const).map(
    (axis) =>
      dilations[axis] * (kernel[axis] - 1) +
      strides[axis] * ((outputSize[axis] ?? 0) - 1) +
      1 -
      (inputSize[axis] ?? 0) -
      pads[axis],
  );
  const cut = after.map((size) => (size < 0 ? size : Number.MAX_SAFE_INTEGER));
  const read = after.some((size) => size < 0) ? writer.slice(inputTensor, [2, 3], [0, 0], cut) : inputTensor;
  const readSize = inputSize.map((size, axis) => size + Math.min(0, after[axis] ?? 0));
  const images = writer.reshape(read, [1, planes, ...readSize]);
  const kernels = writer.reshape(outputGradient, [planes, 1, ...outputSize]);
  const product = writer.node("Conv", [images, kernels], {
    group: { int: planes },
    kernel_shape: { ints: outputSize },
    strides: { ints: dilations },
    dilations: { ints: strides },
    pads: { ints: [pads[0], pads[1], ...after.map((size) => Math.max(0, size))] },
  });
  return writer.reshape(writer.sumOver(writer.reshape(product, [batch, channels, ...kernel]), [0]), weight);
}
