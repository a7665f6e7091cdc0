import type { GraphProto, NodeProto, TensorProto } from "./onnx-pb.ts";

/** Who makes and who reads each tensor of a graph, as it stood when the index was made. */
export interface GraphIndex {
  readonly producerOf: ReadonlyMap<string, NodeProto>;
  readonly consumersOf: ReadonlyMap<string, readonly NodeProto[]>;
  readonly initializers: ReadonlyMap<string, TensorProto>;
  readonly inputNames: ReadonlySet<string>;
  readonly outputNames: ReadonlySet<string>;
}

export function indexGraph(graph: GraphProto): GraphIndex {
  const producerOf = new Map<string, NodeProto>();
  const consumersOf = new Map<string, NodeProto[]>();
  for (const node of graph.node) {
    for (const name of node.output) producerOf.set(name, node);
    for (const name of new Set(node.input)) {
      const consumers = consumersOf.get(name);
      if (consumers === undefined) consumersOf.set(name, [node]);
      else consumers.push(node);
    }
  }
  return {
    producerOf,
    consumersOf,
    initializers: new Map(graph.initializer.map((tensor) => [tensor.name, tensor])),
    inputNames: new Set(graph.input.map(({ name }) => name)),
    outputNames: new Set(graph.output.map(({ name }) => name)),
  };
}

/** The initializer of that name; throws when there is none. */
export function initializerNamed(graph: GraphProto, name: string): TensorProto {
  const tensor = graph.initializer.find((candidate) => candidate.name === name);
  if (tensor === undefined) throw new Error(`the graph has no initializer ${name}`);
  return tensor;
}

/** Replaces the initializer of the same name. */
export function replaceInitializer(graph: GraphProto, tensor: TensorProto): void {
  const index = graph.initializer.findIndex(({ name }) => name === tensor.name);
  if (index < 0) throw new Error(`the graph has no initializer ${tensor.name}`);
  graph.initializer[index] = tensor;
}

/** Drops initializers no node reads and no output names. */
export function dropUnusedInitializers(graph: GraphProto): void {
  const used = new Set([...graph.node.flatMap((node) => node.input), ...graph.output.map(({ name }) => name)]);
  graph.initializer = graph.initializer.filter(({ name }) => used.has(name));
}

/**
 * Throws with the first fault: a tensor that is written twice, read before it is made (nodes must stand in
 * topological order), or a graph output nobody makes.
 */
export function checkGraph(graph: GraphProto): void {
  const known = new Set(["", ...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name)]);
  for (const node of graph.node) {
    for (const name of node.input) {
      if (!known.has(name))
        throw new Error(`node ${node.name} (${node.opType}) reads ${name}, which nothing makes before it`);
    }
    for (const name of node.output) {
      if (name !== "" && known.has(name)) throw new Error(`tensor ${name} is made twice`);
      known.add(name);
    }
  }
  for (const { name } of graph.output) {
    if (!known.has(name)) throw new Error(`graph output ${name} is made by nothing`);
  }
}

/** Stable topological order (Kahn 1962): nodes keep their order where the edges allow it. Throws on a cycle. */
export function sortNodes(graph: GraphProto): void {
  const made = new Set(["", ...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name)]);
  const sorted: NodeProto[] = [];
  let waiting = graph.node;
  while (waiting.length > 0) {
    const blocked: NodeProto[] = [];
    for (const node of waiting) {
      if (!node.input.every((name) => made.has(name))) {
        blocked.push(node);
        continue;
      }
      sorted.push(node);
      for (const name of node.output) made.add(name);
    }
    if (blocked.length === waiting.length) {
      throw new Error(`the graph has a cycle or a missing tensor at node ${blocked[0]?.name ?? ""}`);
    }
    waiting = blocked;
  }
  graph.node = sorted;
}
