import { checkGraph } from "../graph.ts";
import { copyModel, type Model } from "../model-file.ts";
import { makeNode } from "../node.ts";
import { makeTensor } from "../tensor.ts";
import { DataType, makeValueInfo } from "../value-info.ts";

/** A model that watches some tensors of another, and the outputs to fetch: one a tensor, in their order. */
export interface Observer {
  readonly model: Model;
  readonly outputs: readonly string[];
}

/** The number of values of each tensor, as a float32 scalar. */
export function observeSizes(model: Model, tensors: readonly string[]): Observer {
  const observed = copyModel(model);
  observed.graph.output = tensors.map((tensor) => {
    const [size, output] = [`${tensor}.observed_size`, `${tensor}.observed_float_size`];
    observed.graph.node.push(
      makeNode({ opType: "Size", name: size, inputs: [tensor], outputs: [size] }),
      makeNode({
        opType: "Cast",
        name: output,
        inputs: [size],
        outputs: [output],
        attributes: { to: { int: DataType.FLOAT } },
      }),
    );
    return makeValueInfo(output, DataType.FLOAT, []);
  });
  return checked(observed);
}

/** Every `strides[i]`-th value of tensor i, [values]. */
export function observeValues(model: Model, tensors: readonly string[], strides: readonly number[]): Observer {
  const observed = copyModel(model);
  const { graph } = observed;
  graph.initializer.push(
    makeTensor("observed.flat", [1], BigInt64Array.of(-1n)),
    makeTensor("observed.start", [1], BigInt64Array.of(0n)),
    makeTensor("observed.end", [1], BigInt64Array.of(2n ** 62n)),
  );
  graph.output = tensors.map((tensor, position) => {
    const [flat, output, stride] = [`${tensor}.observed_flat`, `${tensor}.observed`, `${tensor}.observed_stride`];
    graph.initializer.push(makeTensor(stride, [1], BigInt64Array.of(BigInt(strides[position] ?? 1))));
    graph.node.push(
      makeNode({ opType: "Reshape", name: flat, inputs: [tensor, "observed.flat"], outputs: [flat] }),
      makeNode({
        opType: "Slice",
        name: output,
        inputs: [flat, "observed.start", "observed.end", "observed.start", stride],
        outputs: [output],
      }),
    );
    return makeValueInfo(output, DataType.FLOAT, ["values"]);
  });
  return checked(observed);
}

/** One number a channel: the mean over its places, or the greatest magnitude. */
export type ChannelStatistic = "mean" | "largest";

/** A statistic of each channel of tensors [N,C,h,w], as [N,C,1,1]. */
export function observeChannels(model: Model, tensors: readonly string[], statistic: ChannelStatistic): Observer {
  const observed = copyModel(model);
  const { graph } = observed;
  graph.output = tensors.map((tensor) => {
    const [magnitude, output] = [`${tensor}.observed_magnitude`, `${tensor}.observed_${statistic}`];
    if (statistic === "mean") {
      graph.node.push(makeNode({ opType: "GlobalAveragePool", name: output, inputs: [tensor], outputs: [output] }));
    } else {
      graph.node.push(
        makeNode({ opType: "Abs", name: magnitude, inputs: [tensor], outputs: [magnitude] }),
        makeNode({ opType: "GlobalMaxPool", name: output, inputs: [magnitude], outputs: [output] }),
      );
    }
    return makeValueInfo(output, DataType.FLOAT, ["N", "C", 1, 1]);
  });
  return checked(observed);
}

/**
 * A step that takes at most `most` of `size` values, evenly. A prime, so that it does not keep step with rows or
 * channels, whose sizes are products of small numbers.
 */
export function samplingStride(size: number, most: number): number {
  let stride = Math.max(1, Math.ceil(size / most));
  while (stride > 1 && !isPrime(stride)) stride += 1;
  return stride;
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return value > 1;
}

function checked(model: Model): Observer {
  checkGraph(model.graph);
  return { model, outputs: model.graph.output.map(({ name }) => name) };
}
