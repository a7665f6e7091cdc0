import type { GraphProto, NodeProto } from "./onnx-pb.ts";

/** A stretch of a network that reads one tensor and makes one tensor. */
export interface Segment {
  readonly input: string;
  readonly output: string;
  /** In forward order. */
  readonly nodes: readonly NodeProto[];
}

/**
 * The network between `start` and `end`, cut at its articulation tensors: those every path from start to end passes
 * through. Consecutive segments share a tensor. What does not lie on such a path is left out. Nodes must stand in
 * topological order; then an articulation is where exactly one tensor of the nodes so far is still read by later ones.
 * Throws an Error where no path leads from start to end.
 */
export function segmentsBetween(graph: GraphProto, start: string, end: string): Segment[] {
  const nodes = nodesBetween(graph, start, end);
  if (nodes.length === 0) throw new Error(`no path leads from ${start} to ${end}`);
  const readsLeft = new Map<string, number>();
  for (const node of nodes) for (const name of node.input) readsLeft.set(name, (readsLeft.get(name) ?? 0) + 1);
  readsLeft.set(end, (readsLeft.get(end) ?? 0) + 1);
  const segments: Segment[] = [];
  const live = new Set([start]);
  let input = start;
  let own: NodeProto[] = [];
  for (const node of nodes) {
    own.push(node);
    for (const name of node.input) {
      const left = (readsLeft.get(name) ?? 0) - 1;
      readsLeft.set(name, left);
      if (left === 0) live.delete(name);
    }
    for (const name of node.output) if ((readsLeft.get(name) ?? 0) > 0) live.add(name);
    const [only = ""] = live;
    if (live.size !== 1) continue;
    segments.push({ input, output: only, nodes: own });
    input = only;
    own = [];
  }
  return segments;
}

/** Nodes that depend on `start` and that `end` depends on. */
function nodesBetween(graph: GraphProto, start: string, end: string): NodeProto[] {
  const after = new Set([start]);
  const reached = graph.node.filter((node) => {
    const depends = node.input.some((name) => after.has(name));
    if (depends) for (const name of node.output) after.add(name);
    return depends;
  });
  const wanted = new Set([end]);
  return reached
    .reverse()
    .filter((node) => {
      const needed = node.output.some((name) => wanted.has(name));
      if (needed) for (const name of node.input) wanted.add(name);
      return needed;
    })
    .reverse();
}
