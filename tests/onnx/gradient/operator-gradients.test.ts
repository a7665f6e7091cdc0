import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeModel } from "../../../src/onnx/model-file.ts";
import type { AttributeValue } from "../../../src/onnx/node.ts";
import { trainingGraph } from "../../../src/onnx/gradient/training-graph.ts";
import { elementCount } from "../../../src/onnx/tensor.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { OnnxProcess } from "../../../src/training/onnx-process.ts";
import { NetworkBuilder } from "../network-builder.ts";
import { checkGradients } from "./gradient-case.ts";

const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

const SHAPE = [2, 3, 4, 5];

/** Values in [-6, 8) no nearer than 0.3 to any kink. */
function awayFrom(kinks: readonly number[], count: number): Float32Array {
  const random = seededRandom(5);
  return Float32Array.from({ length: count }, () => {
    for (;;) {
      const value = random() * 14 - 6;
      if (kinks.every((kink) => Math.abs(value - kink) > 0.3)) return value;
    }
  });
}

/** Values that all differ by at least 0.2, in random order. */
function distinct(count: number): Float32Array {
  const random = seededRandom(6);
  const order = Array.from({ length: count }, () => random());
  const ranks = [...order.keys()].sort((a, b) => (order[a] ?? 0) - (order[b] ?? 0));
  const values = new Float32Array(count);
  ranks.forEach((index, rank) => (values[index] = (rank - count / 2) * 0.2));
  return values;
}

/** A network of one operator; what it reads is trained, so that its gradient shows. */
async function checkOperator(
  build: (network: NetworkBuilder, x: string) => string,
  { shape = SHAPE, values = awayFrom([], elementCount(shape)), others = [] as readonly string[] } = {},
): Promise<void> {
  const network = new NetworkBuilder(3);
  const input = network.input(["N", ...shape.slice(1)]);
  const x = network.node("Add", [input, network.constant("values", shape, values)]);
  const scores = build(network, x);
  await checkGradients(runtime, {
    model: network.output(scores, []),
    input,
    inputShape: shape,
    inputValues: new Float32Array(elementCount(shape)),
    trained: ["values", ...others],
    losses: [scores],
  });
}

describe("activations", () => {
  const attributes = { alpha: { float: 0.25 }, beta: { float: 0.4 } };
  const cases: readonly [string, readonly number[], Readonly<Record<string, AttributeValue>>][] = [
    ["Relu", [0], {}],
    ["Sigmoid", [], {}],
    ["HardSigmoid", [-2.5, 2.5], {}],
    ["HardSigmoid", [-1.6, 2.4], attributes],
    ["HardSwish", [-3, 3], {}],
  ];
  test.each(cases)("%s has the right gradient", async (opType, kinks, given) => {
    await checkOperator((network, x) => network.node(opType, [x], given), { values: awayFrom(kinks, 120) });
  });

  test("Clip has the right gradient, with both limits, with one and with none", async () => {
    await checkOperator((network, x) => network.relu6(x), { values: awayFrom([0, 6], 120) });
    const low = (network: NetworkBuilder): string => network.constant("low", [], Float32Array.of(-1.5));
    const high = (network: NetworkBuilder): string => network.constant("high", [], Float32Array.of(2.5));
    await checkOperator((network, x) => network.node("Clip", [x, low(network)]), { values: awayFrom([-1.5], 120) });
    await checkOperator((network, x) => network.node("Clip", [x, "", high(network)]), { values: awayFrom([2.5], 120) });
    await checkOperator((network, x) => network.node("Clip", [x]));
  });

  test("values that were clipped pass no gradient, also those exactly at a limit", async () => {
    const network = new NetworkBuilder(3);
    const input = network.input(["N", 4]);
    const x = network.node("Add", [input, network.constant("values", [1, 4], Float32Array.of(0, 6, -0, 3))]);
    const model = network.output(network.relu6(x), []);
    const losses = [{ logits: model.graph.node.at(-1)?.output[0] ?? "", targets: "t" }];
    const training = trainingGraph(model, { input, inputShape: [1, 4], trained: ["values"], losses });
    await runtime.load(encodeModel(training));
    const tensor = (name: string, ...data: number[]) =>
      ({ name, type: "float32", data: Float32Array.from(data), dims: [1, 4] }) as const;
    const [gradient] = await runtime.run(
      [tensor("x", 0, 0, 0, 0), tensor("values", 0, 6, -0, 3), tensor("t", 1, 0, 0, 0)],
      ["gradient.values"],
    );
    expect([...(gradient ?? [])].map((value) => value !== 0)).toEqual([false, false, false, true]);
  });
});

describe("sums and products", () => {
  const shapes = [SHAPE, [1, 3, 1, 1], [2, 3, 1, 1], [3, 1, 1], [1, 1, 4, 5], [5], [1], []];
  test.each(shapes.map((shape) => [shape]))("Add and Mul with an operand of %j, on either side", async (shape) => {
    for (const opType of ["Add", "Mul"]) {
      for (const swapped of [false, true]) {
        await checkOperator(
          (network, x) => {
            const other = network.stored("other", shape, 0.3, 1.5);
            const result = network.node(opType, swapped ? [other, x] : [x, other]);
            // Softmax does not see what all classes gain alike: let them gain unequally.
            return network.node("Mul", [result, network.stored("unequal", [1, 3, 1, 1])]);
          },
          { others: ["other"] },
        );
      }
    }
  });

  test("a smaller first operand is repeated like a smaller second", async () => {
    await checkOperator((network, x) => network.node("Mul", [x, network.stored("other", SHAPE, 0.3, 1.5)]), {
      shape: [2, 3, 1, 1],
      others: ["other"],
    });
  });

  test("a tensor times itself gets both gradients", async () => {
    await checkOperator((network, x) => network.node("Mul", [x, x]), { values: distinct(120).map((v) => v / 8) });
  });

  test("squeeze and excite: a map weighed by its own pooled channels", async () => {
    await checkOperator(
      (network, x) => {
        const squeezed = network.node("GlobalAveragePool", [x]);
        const reduced = network.node("Sigmoid", [
          network.node("Conv", [squeezed, network.stored("down", [2, 3, 1, 1])]),
        ]);
        const gate = network.node("HardSigmoid", [network.node("Conv", [reduced, network.stored("up", [3, 2, 1, 1])])]);
        return network.node("Mul", [x, gate]);
      },
      { others: ["down", "up"], values: distinct(120).map((value) => value / 8) },
    );
  });
});

describe("pooling", () => {
  const window = (size: number, stride: number, pads: readonly number[]) => ({
    kernel_shape: { ints: [size, size] },
    strides: { ints: [stride, stride] },
    pads: { ints: pads },
  });
  const shape = [2, 3, 7, 6];
  const values = distinct(elementCount(shape));

  test.each([
    ["3x3 of stride 2 with overlapping windows and pads", window(3, 2, [1, 1, 1, 1])],
    ["3x3 of stride 2 padded at the far edges", window(3, 2, [0, 0, 1, 1])],
    ["2x2 of stride 2", window(2, 2, [0, 0, 0, 0])],
    ["3x3 of stride 1", window(3, 1, [1, 1, 1, 1])],
    ["2x2 of stride 2, sizes rounded up", { ...window(2, 2, [0, 0, 0, 0]), ceil_mode: { int: 1 } }],
    ["3x3 of stride 2, sizes rounded up", { ...window(3, 2, [0, 0, 0, 0]), ceil_mode: { int: 1 } }],
  ])("MaxPool %s gives the gradient to the places of the maxima", async (_, attributes) => {
    await checkOperator((network, x) => network.node("MaxPool", [x], attributes), { shape, values });
  });

  test("a window that lies in the padding alone, which runtimes count differently, is refused", async () => {
    const attributes = { ...window(2, 3, [0, 0, 1, 1]), ceil_mode: { int: 1 } };
    const check = checkOperator((network, x) => network.node("MaxPool", [x], attributes, "pool"), { shape, values });
    await expect(check).rejects.toThrow(
      "node pool.node (MaxPool): with ceil_mode 1 its last window lies in the padding",
    );
  });

  const averages = [
    ["3x3 of stride 2 with pads", window(3, 2, [1, 1, 1, 1])],
    ["3x3 of stride 2 padded at the far edges", window(3, 2, [0, 0, 1, 1])],
    ["2x2 of stride 2 that leaves a row out", window(2, 2, [0, 0, 0, 0])],
    ["3x3 of stride 1", window(3, 1, [1, 1, 1, 1])],
    ["2x2 of stride 3", window(2, 3, [0, 0, 0, 0])],
  ] as const;
  test.each(averages)("AveragePool %s, its padding counted or not", async (_, attributes) => {
    for (const counted of [0, 1]) {
      const given = { ...attributes, count_include_pad: { int: counted } };
      await checkOperator((network, x) => network.node("AveragePool", [x], given), { shape, values });
    }
  });

  test("GlobalAveragePool shares the gradient out", async () => {
    await checkOperator((network, x) => network.node("GlobalAveragePool", [x]));
  });
});

describe("shapes", () => {
  test("Flatten, Reshape, Identity and Dropout carry the gradient through", async () => {
    await checkOperator((network, x) => network.node("Flatten", [x]));
    await checkOperator((network, x) => {
      const target = network.constant("target", [2], BigInt64Array.of(0n, -1n));
      return network.node("Reshape", [x, target]);
    });
    await checkOperator((network, x) => network.node("Dropout", [network.node("Identity", [x])]));
  });

  test.each([1, 2, -1])("Concat along axis %i cuts the gradient apart", async (axis) => {
    await checkOperator(
      (network, x) => {
        const sizes = SHAPE.map((size, dimension) => (dimension === (axis + 4) % 4 ? 2 : size));
        const other = network.stored("other", sizes);
        return network.node("Concat", [x, other, network.relu(x)], { axis: { int: axis } });
      },
      { others: ["other"], values: awayFrom([0], 120) },
    );
  });

  test.each([0, 1])("Gemm with transB %i, scaled by alpha and beta", async (transB) => {
    const attributes = { transB: { int: transB }, alpha: { float: 0.7 }, beta: { float: 1.4 } };
    for (const biasShape of [[4], [1, 4], [3, 4], []]) {
      await checkOperator(
        (network, x) => {
          const weight = network.stored("weight", transB === 1 ? [4, 5] : [5, 4]);
          return network.node("Gemm", [x, weight, network.stored("bias", biasShape)], attributes);
        },
        { shape: [3, 5], values: distinct(15), others: biasShape.length > 0 ? ["weight", "bias"] : ["weight"] },
      );
    }
    await checkOperator(
      (network, x) => {
        return network.node("Gemm", [x, network.stored("weight", transB === 1 ? [4, 5] : [5, 4])], attributes);
      },
      { shape: [3, 5], values: distinct(15), others: ["weight"] },
    );
  });
});
