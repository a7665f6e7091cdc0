import { describe, expect, it } from "vitest";
import { signatureProblem, type GraphSignature, type GraphValue } from "../../../src/pipeline/infer/graph-signature.ts";
import { outputProblem } from "../../../src/pipeline/infer/output-check.ts";

const EXPECTED = { widthPx: 64, heightPx: 48, classCount: 3 };
const FITTING: GraphSignature = {
  inputs: [{ name: "image", type: "uint8", shape: ["N", 48, 64, 3] }],
  outputs: [
    { name: "probabilities", type: "float32", shape: ["N", 3] },
    { name: "embedding", type: "float32", shape: ["N", 128] },
    { name: "heatmap", type: "float32", shape: ["N", 3, "h", "w"] },
  ],
};

const withInput = (input: Partial<GraphValue>): GraphSignature => ({
  ...FITTING,
  inputs: FITTING.inputs.map((each) => ({ ...each, ...input })),
});
const withOutput = (name: string, output: Partial<GraphValue>): GraphSignature => ({
  ...FITTING,
  outputs: FITTING.outputs.map((each) => (each.name === name ? { ...each, ...output } : each)),
});

describe("signatureProblem", () => {
  it("finds nothing in a graph that fits", () => {
    expect(signatureProblem(FITTING, EXPECTED)).toBeNull();
  });

  it.each([
    ["a float input", withInput({ type: "float32" }), "image uint8 [*,48,64,3] is wanted, image float32 [N,48,64,3]"],
    ["width and height swapped", withInput({ shape: ["N", 64, 48, 3] }), "image uint8 [N,64,48,3] is there"],
    ["a fixed batch", withInput({ shape: [1, 48, 64, 3] }), "image uint8 [1,48,64,3] is there"],
    ["another name", withInput({ name: "input" }), "has an input input besides image"],
    ["one class too few", withOutput("probabilities", { shape: ["N", 2] }), "probabilities float32 [*,3] is wanted"],
    ["half floats", withOutput("embedding", { type: "float16" }), "embedding float16 [N,128] is there"],
    ["a flat heatmap", withOutput("heatmap", { shape: ["N", 3, 49] }), "heatmap float32 [*,3,*,*] is wanted"],
    ["no heatmap", withOutput("heatmap", { name: "map" }), "heatmap float32 [*,3,*,*] is missing"],
  ])("names %s", (_, graph, problem) => {
    expect(signatureProblem(graph, EXPECTED)).toContain(problem);
  });
});

describe("outputProblem", () => {
  const outputs = (probabilities: readonly number[], heatmap = [0, 1]) => ({
    probabilities: new Float32Array(probabilities),
    embedding: new Float32Array([1]),
    heatmap: new Float32Array(heatmap),
  });

  it("finds nothing in rows of probabilities", () => {
    expect(outputProblem(outputs([0.1, 0.9, 1, 0]), 2)).toBeNull();
  });

  it.each([
    ["a row that sums to no 1", outputs([0.1, 0.9, 0.5, 0.49]), "sums to 0.99"],
    ["a probability below 0", outputs([-0.5, 1.5]), "holds -0.5"],
    ["NaN", outputs([Number.NaN, 1]), "probabilities holds a value that is not a finite number"],
    ["an infinite heatmap", outputs([0, 1], [Number.POSITIVE_INFINITY]), "heatmap holds a value that is not a finite"],
  ])("names %s", (_, values, problem) => {
    expect(outputProblem(values, 2)).toContain(problem);
  });
});
