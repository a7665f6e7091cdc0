import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyModel, type Model, opsetVersion } from "../../src/onnx/model-file.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  TensorProto_DataType as DataType,
  TensorProtoSchema,
} from "../../src/onnx/onnx-pb.ts";
import { poolMeans } from "../../src/onnx/pool-means.ts";
import { raiseOpset } from "../../src/onnx/raise-opset.ts";
import { storeConstants } from "../../src/onnx/store-constants.ts";
import { makeValueInfo } from "../../src/onnx/value-info.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { NetworkBuilder } from "./network-builder.ts";
import { expectSameResults, operatorsOf } from "./same-results.ts";

const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

const SHAPE = [2, 3, 8, 8];

/** Everything whose form changed between 7 and 13, as a file of `opset` writes it. */
function oldNetwork(opset: number): Model {
  const network = new NetworkBuilder(6, opset);
  const clip = (x: string, limits: Record<string, number>): string => {
    const entries = Object.entries(limits);
    if (opset < 11) {
      return network.node("Clip", [x], Object.fromEntries(entries.map(([name, float]) => [name, { float }])));
    }
    const stored = (name: string): string =>
      name in limits ? network.constant(`${x}.${name}`, [], Float32Array.of(limits[name] ?? 0)) : "";
    return network.node("Clip", [x, stored("min"), stored("max")]);
  };
  let x = network.input(["N", 3, "H", "W"]);
  x = clip(network.batchNorm(network.conv(x, 4, { kernel: 3 })), { min: 0, max: 1.5 });
  x = clip(clip(network.conv(x, 4), { min: -0.5 }), { max: 0.7 });
  x = network.node("Dropout", [x], opset < 12 ? { ratio: { float: 0.3 } } : {});
  x = network.node("AveragePool", [x], { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } });
  x = network.node("Squeeze", [network.node("GlobalAveragePool", [x])], { axes: { ints: [2, 3] } });
  x = network.node("Unsqueeze", [x], { axes: { ints: [1] } });
  x = network.node("ReduceSum", [x], { axes: { ints: [1] }, keepdims: { int: 0 } });
  const weight = network.stored("weight", [5, 4]);
  x = network.node("Gemm", [x, weight, network.stored("bias", [5])], { transB: { int: 1 } });
  return network.output(network.node("Softmax", [x], { axis: { int: 1 } }), []);
}

test.each([7, 8, 9, 10, 11, 12])("a model of opset %i gives the same in opset 13", async (opset) => {
  const old = oldNetwork(opset);
  const raised = raiseOpset(old);
  expect(opsetVersion(raised)).toBe(13);
  expect(operatorsOf(raised)).toEqual(operatorsOf(old));
  await expectSameResults(runtime, old, raised, SHAPE);
});

test("a model of opset 13 or newer stays as it is", () => {
  for (const opset of [13, 17, 20]) {
    const network = new NetworkBuilder(6, opset);
    const model = network.output(network.conv(network.input(["N", 3, 4, 4]), 2), []);
    expect(raiseOpset(model)).toEqual(model);
  }
});

test("what cannot be raised is refused with its opset and its operator", () => {
  const withNode = (opset: number, opType: string, attributes = {}): Model => {
    const network = new NetworkBuilder(6, opset);
    return network.output(
      network.node(opType, [network.conv(network.input(["N", 3, 4, 4]), 2)], attributes, "odd"),
      [],
    );
  };
  expect(() => raiseOpset(withNode(6, "Relu"))).toThrow("the model is of opset 6, which is too old: export it again");
  expect(() => raiseOpset(withNode(9, "Upsample"))).toThrow(
    "the model is of opset 9, and its node odd.node (Upsample)",
  );
  expect(() => raiseOpset(withNode(11, "Softmax", { axis: { int: 1 } }))).toThrow("odd.node (Softmax) normalises");
});

test("Constant nodes become initializers, and initializers are no inputs", async () => {
  const network = new NetworkBuilder(6, 12);
  const x = network.conv(network.input(["N", 3, "H", "W"]), 4, {}, "conv");
  const typed = create(TensorProtoSchema, { dataType: DataType.FLOAT, floatData: [-0.2] });
  network.node("Constant", [], { value: { tensor: typed } }, "low");
  network.node("Constant", [], { value_float: { float: 0.4 } }, "high");
  network.node("Constant", [], { value_ints: { ints: [0, -1] } }, "shape");
  const clipped = network.node("Clip", [x, "low", "high"]);
  const model = network.output(network.node("Reshape", [clipped, "shape"]), []);
  const listed = copyModel(model);
  listed.graph.input.push(makeValueInfo("conv.weight", DataType.FLOAT, [4, 3, 1, 1]));
  const stored = storeConstants(listed);
  expect(operatorsOf(stored)).toEqual(["Conv", "Clip", "Reshape"]);
  expect(stored.graph.input.map(({ name }) => name)).toEqual(["x"]);
  await expectSameResults(runtime, model, raiseOpset(stored), SHAPE);
});

test("a Constant that holds text is refused by its name", () => {
  const network = new NetworkBuilder(6);
  const node = network.node("Constant", [], { value_string: { string: "text" } }, "text");
  expect(() => storeConstants(network.output(node, []))).toThrow("text.node (Constant)");
  network.model.graph.node[0]?.attribute.splice(0, 1, create(AttributeProtoSchema, { type: AttributeType.TENSOR }));
  expect(() => storeConstants(network.model)).toThrow("text.node (Constant)");
});

test.each([
  ["kept axes", [2, 3], 1],
  ["dropped axes", [2, 3], 0],
  ["axes counted from behind", [-1, -2], 0],
])("a mean over height and width with %s becomes a pooling", async (_, axes, keepdims) => {
  for (const opset of [13, 18]) {
    const network = new NetworkBuilder(6, opset);
    const x = network.conv(network.input(["N", 3, "H", "W"]), 4);
    const stored = opset < 18 ? [] : [network.constant("axes", [2], BigInt64Array.from(axes, BigInt))];
    const given = { keepdims: { int: keepdims }, ...(opset < 18 ? { axes: { ints: axes } } : {}) };
    const model = network.output(network.node("ReduceMean", [x, ...stored], given), []);
    const pooled = poolMeans(model);
    expect(operatorsOf(pooled)).toEqual(["Conv", "GlobalAveragePool", ...(keepdims === 1 ? [] : ["Flatten"])]);
    await expectSameResults(runtime, model, pooled, SHAPE);
  }
});

test("a mean over channels stays a mean", () => {
  const network = new NetworkBuilder(6);
  const x = network.conv(network.input(["N", 3, "H", "W"]), 4);
  const model = network.output(network.node("ReduceMean", [x], { axes: { ints: [1] } }), []);
  expect(operatorsOf(poolMeans(model))).toEqual(["Conv", "ReduceMean"]);
});
