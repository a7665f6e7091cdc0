import type { Model } from "../../onnx/model-file.ts";
import { type Layers, networkBlocks, trainedFrom } from "../network-blocks.ts";
import type { Stage } from "./fine-tune.ts";

/** Shares of the steps of gradual unfreezing: the last blocks, half of them, all. */
const GRADUAL_SHARES = [0.25, 0.25, 0.5] as const;

/** What trains when: one stage, or for `gradual` three that reach ever further down (Howard & Ruder 2018). */
export function stagesOf(backbone: Model, layers: Layers, totalSteps: number): Stage[] {
  const blocks = networkBlocks(backbone);
  if (layers.kind !== "gradual") {
    const label = layers.kind === "last" ? `last:${layers.count}` : layers.kind;
    return [{ label, ...trainedFrom(blocks, layers), steps: totalSteps }];
  }
  const counts = [Math.ceil(blocks.length / 6), Math.ceil(blocks.length / 2), blocks.length];
  return counts.map((count, index) => ({
    label: `gradual (${count} blocks)`,
    ...trainedFrom(blocks, { kind: "last", count }),
    steps: Math.ceil(totalSteps * (GRADUAL_SHARES[index] ?? 0)),
  }));
}
