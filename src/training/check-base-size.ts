import { SightlineError } from "../contracts/errors.ts";
import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import type { Model } from "../onnx/model-file.ts";
import { inferShapes, windowOf } from "../onnx/tensor-shapes.ts";
import { featureMapName } from "./device-graph.ts";
import type { InputSizePx } from "./model-pixels.ts";

/**
 * Whether a device graph works at a size. Gives sentences for the user where it works but not well; throws
 * DATA_INVALID where it does not, and an Error naming a node whose shape cannot be told.
 */
export function checkBaseSize(model: Model, size: InputSizePx, exportedFor?: InputSizePx): string[] {
  const { graph } = model;
  const wanted = `${size.widthPx}x${size.heightPx}`;
  const shapes = inferShapes(graph, new Map([[MODEL_INPUT, [1, size.heightPx, size.widthPx, 3]]]));
  const vanished = graph.node.find(({ output: [name = ""] }) => (shapes.get(name) ?? []).some((length) => length < 1));
  const stridePx = totalStride(model);
  if (vanished !== undefined) {
    const advice = `its total stride is ${stridePx} px, give it at least that`;
    throw new SightlineError("DATA_INVALID", `at ${wanted} px nothing is left after node ${vanished.name}: ${advice}`);
  }
  const warnings: string[] = [];
  if (exportedFor !== undefined && (exportedFor.widthPx !== size.widthPx || exportedFor.heightPx !== size.heightPx)) {
    const original = `${exportedFor.widthPx}x${exportedFor.heightPx}`;
    warnings.push(
      `the base was exported for ${original} px and is used at ${wanted}: objects look larger or smaller to it`,
    );
  }
  if (size.widthPx % stridePx !== 0 || size.heightPx % stridePx !== 0) {
    warnings.push(`${wanted} px is no multiple of the base's total stride of ${stridePx}: its far edges count less`);
  }
  return warnings;
}

/** Pixels from one place of the last feature map to the next: the product of the strides on the way. */
export function totalStride({ graph }: Model): number {
  const strides = new Map<string, number>();
  for (const node of graph.node) {
    const before = Math.max(1, ...node.input.map((name) => strides.get(name) ?? 1));
    const isWindowed = ["Conv", "MaxPool", "AveragePool"].includes(node.opType);
    const own = isWindowed ? Math.max(...windowOf(node).strides) : 1;
    for (const name of node.output) strides.set(name, before * own);
  }
  return strides.get(featureMapName(graph)) ?? 1;
}
