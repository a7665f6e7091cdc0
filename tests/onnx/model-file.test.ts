import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { convolutionLayers } from "../../src/onnx/convolutions.ts";
import { checkGraph, sortNodes } from "../../src/onnx/graph.ts";
import { copyModel, decodeModel, encodeModel, opsetVersion } from "../../src/onnx/model-file.ts";
import { makeNode } from "../../src/onnx/node.ts";
import { makeTensor, tensorData, tensorDims } from "../../src/onnx/tensor.ts";
import { tinyBackbone } from "../training/tiny-backbone.ts";

const fixture = fileURLToPath(new URL("../fixtures/tiny-bundle/model.onnx", import.meta.url));
const backbone = fileURLToPath(
  new URL("../../../shared/data/backbone/mobilenet_v1_1.0_imagenet_to_conv_pw_12.onnx", import.meta.url),
);

describe("an ONNX file", () => {
  test("written by Python comes out byte for byte as it went in", () => {
    const bytes = readFileSync(fixture);
    expect(Buffer.from(encodeModel(decodeModel(bytes))).equals(bytes)).toBe(true);
  });

  test("written by us reads back the same", () => {
    const model = tinyBackbone();
    const bytes = encodeModel(model);
    const again = decodeModel(bytes);
    expect(Buffer.from(encodeModel(again)).equals(Buffer.from(bytes))).toBe(true);
    expect(opsetVersion(again)).toBe(13);
    expect(convolutionLayers(again.graph)).toMatchObject([
      { dims: [4, 3, 3, 3], strides: [2, 2], pads: [0, 0, 1, 1], group: 1, input: "input", output: "first_out" },
      { dims: [8, 4, 1, 1], strides: [1, 1], input: "first_out", output: "map" },
    ]);
  });

  test("that is no model is refused in one sentence", () => {
    expect(() => decodeModel(new TextEncoder().encode("not a model"))).toThrow("not an ONNX model");
    expect(() => decodeModel(new Uint8Array())).toThrow("it holds no graph");
  });

  test.skipIf(!existsSync(backbone))("of the shared backbone is byte-stable and holds its 25 convolutions", () => {
    const bytes = readFileSync(backbone);
    const model = decodeModel(bytes);
    expect(Buffer.from(encodeModel(model)).equals(bytes)).toBe(true);
    const layers = convolutionLayers(model.graph);
    expect(layers).toHaveLength(25);
    expect(layers.every(({ activation }) => activation?.opType === "Clip")).toBe(true);
    expect(layers.filter(({ group }) => group > 1)).toHaveLength(12);
  });
});

describe("a tensor", () => {
  test.each([
    ["float32", Float32Array.of(1.5, -2, 1e-7, 0, 3, 4)],
    ["uint8", Uint8Array.of(0, 255, 3, 4, 5, 6)],
    ["int8", Int8Array.of(-128, 127, 0, 1, 2, 3)],
    ["int32", Int32Array.of(-2147483648, 2147483647, 0, 1, 2, 3)],
    ["int64", BigInt64Array.of(-1n, 2n ** 40n, 0n, 1n, 2n, 3n)],
  ])("of %s keeps its values and its shape", (_, data) => {
    const tensor = makeTensor("t", [2, 3], data);
    expect(tensorData(tensor)).toEqual(data);
    expect(tensorDims(tensor)).toEqual([2, 3]);
  });

  test("whose values do not fill its shape is refused by name", () => {
    expect(() => makeTensor("w", [2, 2], Float32Array.of(1))).toThrow("tensor w: 1 values do not fill [2, 2]");
  });
});

describe("a graph", () => {
  test("with nodes out of order is refused, and put in order by sorting", () => {
    const { graph } = copyModel(tinyBackbone());
    graph.node.reverse();
    expect(() => checkGraph(graph)).toThrow("which nothing makes before it");
    sortNodes(graph);
    checkGraph(graph);
    expect(graph.node.map(({ name }) => name)).toEqual([
      "first",
      "first_clip",
      "second",
      "second_relu",
      "pool",
      "flatten",
    ]);
  });

  test("with a cycle cannot be sorted", () => {
    const { graph } = copyModel(tinyBackbone());
    graph.node.push(
      makeNode({ opType: "Relu", name: "a", inputs: ["y"], outputs: ["x"] }),
      makeNode({ opType: "Relu", name: "b", inputs: ["x"], outputs: ["y"] }),
    );
    expect(() => sortNodes(graph)).toThrow("cycle or a missing tensor at node a");
  });

  test("that makes a tensor twice is refused", () => {
    const { graph } = copyModel(tinyBackbone());
    graph.node.push(makeNode({ opType: "Relu", name: "again", inputs: ["map"], outputs: ["pooled"] }));
    expect(() => checkGraph(graph)).toThrow("tensor pooled is made twice");
  });
});
