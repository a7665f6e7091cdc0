import { makeModel, type Model } from "../../src/onnx/model-file.ts";
import { makeNode } from "../../src/onnx/node.ts";
import { makeTensor } from "../../src/onnx/tensor.ts";
import { DataType, makeValueInfo } from "../../src/onnx/value-info.ts";
import { seededRandom } from "../../src/platform/random.ts";

const FEATURES = 8;

/** The shape of the real backbone in small: stride 2 with padding at the far edges only, Clip(0,6), a 1x1 Relu layer. */
export function tinyBackbone(seed = 3): Model {
  const random = seededRandom(seed);
  const values = (count: number, spread: number): Float32Array =>
    Float32Array.from({ length: count }, () => (random() - 0.4) * spread);
  const model = makeModel("tiny");
  const { graph } = model;
  graph.input.push(makeValueInfo("input", DataType.FLOAT, ["N", 3, "H", "W"]));
  graph.initializer.push(
    makeTensor("zero", [], Float32Array.of(0)),
    makeTensor("six", [], Float32Array.of(6)),
    makeTensor("first.weight", [4, 3, 3, 3], values(108, 1)),
    makeTensor("first.bias", [4], values(4, 1)),
    makeTensor("second.weight", [FEATURES, 4, 1, 1], values(32, 2)),
    makeTensor("second.bias", [FEATURES], values(FEATURES, 1)),
  );
  graph.node.push(
    makeNode({
      opType: "Conv",
      name: "first",
      inputs: ["input", "first.weight", "first.bias"],
      outputs: ["first_conv"],
      attributes: { pads: { ints: [0, 0, 1, 1] }, strides: { ints: [2, 2] }, kernel_shape: { ints: [3, 3] } },
    }),
    makeNode({ opType: "Clip", name: "first_clip", inputs: ["first_conv", "zero", "six"], outputs: ["first_out"] }),
    makeNode({
      opType: "Conv",
      name: "second",
      inputs: ["first_out", "second.weight", "second.bias"],
      outputs: ["second_conv"],
    }),
    makeNode({ opType: "Relu", name: "second_relu", inputs: ["second_conv"], outputs: ["map"] }),
    makeNode({ opType: "GlobalAveragePool", name: "pool", inputs: ["map"], outputs: ["pooled"] }),
    makeNode({ opType: "Flatten", name: "flatten", inputs: ["pooled"], outputs: ["features"] }),
  );
  graph.output.push(makeValueInfo("features", DataType.FLOAT, ["N", FEATURES]));
  return model;
}

export const tinyHead = {
  embeddingSize: FEATURES,
  classCount: 3,
  weights: Float32Array.from({ length: FEATURES * 3 }, (_, index) => Math.sin(index + 1)),
  bias: Float32Array.of(0.2, -0.1, 0.3),
};

/** Pixels that differ from item to item. */
export function testPixels(count: number, widthPx: number, heightPx: number, seed = 5): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: count * widthPx * heightPx * 3 }, () => Math.floor(random() * 256));
}
