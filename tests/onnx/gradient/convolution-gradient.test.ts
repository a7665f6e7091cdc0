import { afterAll, beforeAll, test } from "vitest";
import { OnnxProcess } from "../../../src/training/onnx-process.ts";
import { type ConvolutionOptions, NetworkBuilder } from "../network-builder.ts";
import { checkGradients } from "./gradient-case.ts";

const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

interface Form extends ConvolutionOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly sizePx: readonly [number, number];
}

const FORMS: Readonly<Record<string, Form>> = {
  pointwise: { inputs: 5, outputs: 4, sizePx: [4, 3] },
  "pointwise without a bias": { inputs: 5, outputs: 4, sizePx: [4, 3], bias: false },
  "pointwise of stride 2": { inputs: 4, outputs: 6, sizePx: [5, 6], stride: 2 },
  "pointwise with pads": { inputs: 3, outputs: 2, sizePx: [3, 3], pads: [1, 0, 0, 1] },
  "depthwise 3x3": { inputs: 4, outputs: 4, group: 4, kernel: 3, sizePx: [5, 6] },
  "depthwise 3x3 without pads": { inputs: 4, outputs: 4, group: 4, kernel: 3, sizePx: [5, 6], pads: [0, 0, 0, 0] },
  "depthwise 3x3 of stride 2": { inputs: 4, outputs: 4, group: 4, kernel: 3, stride: 2, sizePx: [6, 7] },
  "depthwise 3x3 of stride 2 padded at the far edges": {
    inputs: 4,
    outputs: 4,
    group: 4,
    kernel: 3,
    stride: 2,
    pads: [0, 0, 1, 1],
    sizePx: [6, 8],
  },
  "depthwise 3x3 of stride 3": { inputs: 3, outputs: 3, group: 3, kernel: 3, stride: 3, sizePx: [8, 7] },
  "depthwise 5x5": { inputs: 3, outputs: 3, group: 3, kernel: 5, sizePx: [6, 5] },
  "depthwise 5x5 of stride 2": { inputs: 3, outputs: 3, group: 3, kernel: 5, stride: 2, sizePx: [8, 7] },
  "depthwise 3x3 of dilation 2": { inputs: 3, outputs: 3, group: 3, kernel: 3, dilation: 2, sizePx: [7, 6] },
  "depthwise 1x1": { inputs: 3, outputs: 3, group: 3, sizePx: [4, 3] },
  "depthwise with two outputs a channel": { inputs: 3, outputs: 6, group: 3, kernel: 3, sizePx: [4, 5] },
  "grouped 3x3": { inputs: 4, outputs: 6, group: 2, kernel: 3, sizePx: [5, 4] },
  "grouped pointwise": { inputs: 6, outputs: 4, group: 2, sizePx: [3, 4] },
  "plain 3x3": { inputs: 3, outputs: 4, kernel: 3, sizePx: [5, 6] },
  "plain 3x3 of stride 2": { inputs: 3, outputs: 4, kernel: 3, stride: 2, sizePx: [6, 7] },
  "plain 3x3 of dilation 2 and stride 2": { inputs: 2, outputs: 3, kernel: 3, stride: 2, dilation: 2, sizePx: [9, 8] },
  "plain 3x3 with pads wider than the kernel": {
    inputs: 2,
    outputs: 3,
    kernel: 3,
    pads: [3, 0, 4, 3],
    sizePx: [4, 5],
  },
  "plain 2x2 with uneven pads": { inputs: 2, outputs: 3, kernel: 2, pads: [1, 0, 0, 1], sizePx: [4, 5] },
  "7x7 of stride 2 with pads of 3": { inputs: 3, outputs: 4, kernel: 7, stride: 2, sizePx: [10, 9] },
  "pointwise of whole blocks of channels": { inputs: 32, outputs: 48, sizePx: [4, 3] },
  "plain 3x3 of whole blocks": { inputs: 16, outputs: 32, kernel: 3, sizePx: [5, 6] },
  "plain 3x3 of stride 2 of whole blocks": { inputs: 32, outputs: 16, kernel: 3, stride: 2, sizePx: [6, 7] },
  "3x3 from an image to whole blocks": { inputs: 3, outputs: 32, kernel: 3, stride: 2, sizePx: [6, 7] },
  "depthwise 3x3 of whole blocks": { inputs: 32, outputs: 32, group: 32, kernel: 3, sizePx: [5, 6] },
  "depthwise 3x3 of whole blocks of stride 2 padded at the far edges": {
    inputs: 16,
    outputs: 16,
    group: 16,
    kernel: 3,
    stride: 2,
    pads: [0, 0, 1, 1],
    sizePx: [6, 8],
  },
  "depthwise 3x3 of whole blocks of stride 3": {
    inputs: 16,
    outputs: 16,
    group: 16,
    kernel: 3,
    stride: 3,
    pads: [0, 0, 0, 0],
    sizePx: [8, 7],
  },
  "depthwise 5x5 of whole blocks of stride 2": {
    inputs: 16,
    outputs: 16,
    group: 16,
    kernel: 5,
    stride: 2,
    sizePx: [8, 7],
  },
  "depthwise 3x3 of whole blocks of dilation 2": {
    inputs: 16,
    outputs: 16,
    group: 16,
    kernel: 3,
    dilation: 2,
    sizePx: [7, 6],
  },
  "pointwise of one channel": { inputs: 1, outputs: 3, sizePx: [3, 3] },
};

test.each(Object.entries(FORMS))("a %s convolution has the right gradients", async (_, form) => {
  const { inputs, outputs, sizePx } = form;
  const network = new NetworkBuilder(7);
  const inputShape = [2, inputs, ...sizePx];
  const x = network.input(["N", inputs, ...sizePx]);
  const shifted = network.node("Add", [x, network.stored("shift", inputShape)]);
  const scores = network.conv(shifted, outputs, form, "conv");
  const trained = ["shift", "conv.weight", ...(form.bias === false ? [] : ["conv.bias"])];
  await checkGradients(runtime, { model: network.output(scores, []), input: x, inputShape, trained, losses: [scores] });
});

test("a convolution whose weight alone trains hands nothing to what comes before it", async () => {
  const network = new NetworkBuilder(9);
  const x = network.input(["N", 3, 5, 5]);
  const scores = network.conv(network.relu(network.conv(x, 4, { kernel: 3 }, "first")), 4, { kernel: 3 }, "second");
  const model = network.output(scores, []);
  await checkGradients(runtime, {
    model,
    input: x,
    inputShape: [2, 3, 5, 5],
    trained: ["second.weight"],
    losses: [scores],
  });
});
