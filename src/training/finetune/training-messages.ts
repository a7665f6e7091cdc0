import type { AdamSettings, LayerStart } from "./adam.ts";

/** Pixels of a batch, [N,H,W,3]. */
export interface BatchInput {
  readonly data: Uint8Array;
  readonly dims: readonly number[];
}

export interface OpenMessage {
  readonly kind: "open";
  /** From pixels to the trained part's input. */
  readonly frozen: Uint8Array;
  /** Losses and gradients of a batch (onnx/gradient/training-graph.ts). */
  readonly step: Uint8Array;
  /** Logits of any number of images. */
  readonly forward: Uint8Array;
  /** Mean and mean square of the channels of each layer's input and output (onnx/channel-statistics.ts). */
  readonly statistics: Uint8Array;
  /** Each layer's input and output tensor, layer after layer; a tensor may occur twice. */
  readonly watched: readonly string[];
  /** Name of the trained part's input. */
  readonly input: string;
  /** Of a batch. */
  readonly inputShape: readonly number[];
  readonly layers: readonly LayerStart[];
  /** Target inputs of the losses, in the order of the step graph's outputs. */
  readonly targets: readonly string[];
  readonly logits: string;
  readonly optimizer: AdamSettings;
  readonly threads: number;
}

/** The step's input is the one prepared last. */
export interface StepMessage {
  readonly kind: "step";
  readonly targets: readonly { readonly data: Float32Array; readonly dims: readonly number[] }[];
  readonly learningRate: number;
}

export interface StepResult {
  /** In the order of the targets. */
  readonly losses: readonly number[];
  readonly gradientNorm: number;
  /** False where a gradient was not finite: the weights stayed as they were. */
  readonly applied: boolean;
}

export type TrainingRequest =
  | OpenMessage
  | StepMessage
  | { readonly kind: "block" }
  | { readonly kind: "prepare"; readonly input: BatchInput }
  | { readonly kind: "predict"; readonly input: BatchInput }
  | { readonly kind: "rescale"; readonly inputs: readonly BatchInput[] }
  | { readonly kind: "state" }
  | { readonly kind: "restore"; readonly state: TrainingState };

/** Channels the machine's operators take together; null where it has none such. */
export interface ChannelBlock {
  readonly block: number | null;
}

/** Everything the optimiser needs to go on where it stopped. */
export interface TrainingState {
  readonly step: number;
  /** Each layer's weight, then its bias where it has one. */
  readonly names: readonly string[];
  readonly values: readonly Float32Array[];
  readonly averages: readonly Float32Array[];
  readonly momenta: readonly Float32Array[];
  readonly variances: readonly Float32Array[];
  /** Of each layer, how its steps are sized. */
  readonly means: readonly Float32Array[];
  readonly sizes: readonly Float32Array[];
  readonly outputSpreads: readonly Float32Array[];
}

export type TrainingAnswer = StepResult | Float32Array | TrainingState | ChannelBlock | null;
