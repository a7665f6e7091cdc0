import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import { type Segment, segmentsBetween } from "../onnx/articulations.ts";
import { indexGraph } from "../onnx/graph.ts";
import type { Model } from "../onnx/model-file.ts";
import { tensorDims } from "../onnx/tensor.ts";
import { EMBEDDING } from "./model-names.ts";

/** A stretch of layers that is frozen or trained as one. */
export interface Block {
  /** The single tensor it reads. */
  readonly input: string;
  /** Initializers that train: weights and biases of its Conv and Gemm nodes, in forward order. */
  readonly parameters: readonly string[];
  /** For people: its first and last layer. */
  readonly label: string;
}

/**
 * The blocks of a device graph from its pixels to `embedding`, in forward order. A new block begins at a tensor every
 * path passes through, where the stretch up to the next such tensor holds a convolution larger than 1x1; other
 * stretches belong to the block before them. So a depthwise convolution and the pointwise one behind it are one block,
 * and so is a residual block. What comes before the first layer with weights belongs to none.
 */
export function networkBlocks({ graph }: Model): Block[] {
  const { initializers } = indexGraph(graph);
  const isSpatial = ({ nodes }: Segment): boolean =>
    nodes.some(({ opType, input: [, weight = ""] }) => {
      const tensor = initializers.get(weight);
      return (
        opType === "Conv" &&
        tensor !== undefined &&
        tensorDims(tensor)
          .slice(2)
          .some((size) => size > 1)
      );
    });
  const parametersOf = ({ nodes }: Segment): string[] =>
    nodes
      .filter(({ opType }) => opType === "Conv" || opType === "Gemm")
      .flatMap(({ input: [, ...stored] }) => stored.filter((name) => initializers.has(name)));
  const blocks: { input: string; parameters: string[] }[] = [];
  for (const segment of segmentsBetween(graph, graph.input[0]?.name ?? MODEL_INPUT, EMBEDDING)) {
    const parameters = parametersOf(segment);
    const last = blocks.at(-1);
    if (isSpatial(segment) || (last === undefined && parameters.length > 0)) {
      blocks.push({ input: segment.input, parameters: [...new Set(parameters)] });
    } else {
      for (const name of parameters) if (last?.parameters.includes(name) === false) last.parameters.push(name);
    }
  }
  return blocks.map((block) => ({ ...block, label: labelOf(block.parameters) }));
}

function labelOf(parameters: readonly string[]): string {
  const layers = [...new Set(parameters.map((name) => name.replace(/[._/]?(weight|bias|kernel|W|B)$/, "")))];
  const [first = "", last = first] = [layers[0], layers.at(-1)];
  return first === last ? first : `${first} to ${last}`;
}

/** What of a network trains besides the head. `gradual` begins with the head and ends with everything. */
export type Layers =
  { readonly kind: "head" } | { readonly kind: "last"; readonly count: number } | { readonly kind: "gradual" | "all" };

/** Reads `--layers`; throws a USAGE error for anything else than head, last:N, gradual and all. */
export function parseLayers(text: string): Layers {
  if (text === "head" || text === "gradual" || text === "all") return { kind: text };
  const count = /^last:([1-9]\d{0,3})$/.exec(text)?.[1];
  if (count !== undefined) return { kind: "last", count: Number(count) };
  const sentence = `--layers ${text}: use head, last:N (the last N blocks, N from 1), gradual or all`;
  throw new SightlineError("USAGE", sentence);
}

export interface TrainedLayers {
  /** The tensor the trained part begins at; what makes it stays frozen. */
  readonly input: string;
  readonly parameters: readonly string[];
}

/**
 * Where training begins and what it changes: for the head `embedding` and nothing, for `gradual` its last and widest
 * stage. Throws a USAGE error that tells how many blocks there are where fewer are there than asked for.
 */
export function trainedFrom(blocks: readonly Block[], layers: Layers): TrainedLayers {
  if (layers.kind === "head") return { input: EMBEDDING, parameters: [] };
  const count = layers.kind === "last" ? layers.count : blocks.length;
  if (count > blocks.length || blocks.length === 0) {
    const wanted = layers.kind === "last" ? `last:${count}` : layers.kind;
    const advice = blocks.length === 0 ? "train the head: --layers head" : "train them all: --layers all";
    throw new SightlineError("USAGE", `--layers ${wanted}: the base has ${blocks.length} blocks; ${advice}`);
  }
  const trained = blocks.slice(blocks.length - count);
  return {
    input: trained[0]?.input ?? EMBEDDING,
    parameters: [...new Set(trained.flatMap(({ parameters }) => parameters))],
  };
}
