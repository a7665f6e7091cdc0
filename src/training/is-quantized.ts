import type { Model } from "../onnx/model-file.ts";

/** Whether a graph computes in int8: then a head can be trained on its embeddings, and no layer below. */
export const isQuantized = ({ graph }: Model): boolean => graph.node.some(({ opType }) => opType === "QuantizeLinear");
