import { type OptimizerMemory, optimizerMemory } from "./optimizer-memory.ts";

/** AdamW (Loshchilov & Hutter 2019) in standardised coordinates, see Adam.step. */
export interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Share of a weight taken away each step, times the learning rate; biases are left alone. */
  readonly weightDecay: number;
  /** Gradients are scaled down to this length, taken over all parameters. */
  readonly maxGradientNorm: number;
  /** Decay of the running average of the weights, which is what is validated and kept. */
  readonly averageDecay: number;
}

/** Short runs: the second moment forgets within a hundred steps. */
export const ADAM_DEFAULTS: AdamSettings = {
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-12,
  weightDecay: 0.01,
  maxGradientNorm: 5,
  averageDecay: 0.99,
};

export interface ParameterStart {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** A trained convolution: weight [outputs, inputs/groups, …taps] and bias [outputs]. */
export interface LayerStart {
  readonly weight: ParameterStart;
  readonly bias: ParameterStart | null;
  readonly groups: number;
  /** Of the learning rate. */
  readonly rate: number;
  /** It gives logits: its outputs are measured as they are. */
  readonly givesLogits: boolean;
}

/** One trained tensor with what the optimiser remembers of it. All arrays have the same length. */
export interface Parameter {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
  readonly average: Float32Array;
  readonly momentum: Float32Array;
  readonly variance: Float32Array;
  /** Where its gradient is best written: in the optimiser's memory, it need not be copied. */
  readonly gradient: Float32Array;
}

/** What passes through a layer, channel by channel, measured on training images. */
export interface LayerScale {
  /** [inputs]. */
  readonly inputMeans: Float32Array;
  /** [inputs], standard deviations. */
  readonly inputSpreads: Float32Array;
  /** [outputs], standard deviations before the activation; 1 for a layer that gives logits. */
  readonly outputSpreads: Float32Array;
}

interface Layer {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly groups: number;
  readonly rate: number;
  readonly givesLogits: boolean;
  readonly outputSpreads: Float32Array;
  /** Per input and tap; 0 for a layer without a bias, which could not take a shift back. */
  readonly means: Float32Array;
  /** Per input and tap: 1 / (spread * sqrt(fan in)). */
  readonly sizes: Float32Array;
}

/** Arrays a parameter needs: values, average, momentum, variance, gradient. */
const ARRAYS_OF_PARAMETER = 5;

/**
 * The weights of a run and their optimiser. A network whose batch norms are folded is badly conditioned: one step of Adam
 * on raw weights shifts whole channels by more than their spread. So each layer trains as if its inputs were centred and
 * scaled and its outputs measured in their own spread: y = s_o * (sum w~ (x - mean) / (s_i * sqrt(fan in)) + b~). The
 * network stays as it is; only the gradient is centred (dW - mean * db), steps are sized per channel, and the bias takes
 * back what a weight's step would add to the mean (Schraudolph 1998, "Centering neural network gradient factors"; LeCun
 * et al. 1998, "Efficient BackProp"). The learning rate is thus a relative step: 0.01 moves an output by about a
 * hundredth of its spread.
 */
export class Adam {
  readonly layers: readonly Layer[];
  readonly parameters: readonly Parameter[];
  readonly #settings: AdamSettings;
  readonly #memory: OptimizerMemory;
  readonly #ones: Float32Array;
  readonly #zeros: Float32Array;
  /** Steps taken. */
  stepCount = 0;

  constructor(layers: readonly LayerStart[], settings: AdamSettings) {
    this.#settings = settings;
    const starts = layers.flatMap(({ weight, bias }) => (bias === null ? [weight] : [weight, bias]));
    const widest = layers.reduce(
      (most, { weight }) => Math.max(most, inputTaps(weight.dims, 1), weight.dims[0] ?? 0),
      0,
    );
    this.#memory = optimizerMemory([
      ...starts.flatMap(({ values }) => new Array<number>(ARRAYS_OF_PARAMETER).fill(values.length)),
      ...layers.flatMap(({ weight, groups }) => [
        inputTaps(weight.dims, groups),
        inputTaps(weight.dims, groups),
        weight.dims[0] ?? 0,
      ]),
      widest,
      widest,
    ]);
    const arrays = [...this.#memory.arrays];
    const take = (): Float32Array => arrays.shift() ?? new Float32Array();
    this.parameters = starts.map(({ name, dims, values }) => {
      const parameter = {
        name,
        dims,
        values: take(),
        average: take(),
        momentum: take(),
        variance: take(),
        gradient: take(),
      };
      parameter.values.set(values);
      parameter.average.set(values);
      return parameter;
    });
    const byName = new Map(this.parameters.map((parameter) => [parameter.name, parameter]));
    this.layers = layers.map(({ weight, bias, groups, rate, givesLogits }) => {
      const own = byName.get(weight.name);
      if (own === undefined) throw new Error(`no parameter ${weight.name}`);
      const ownBias = bias === null ? null : (byName.get(bias.name) ?? null);
      const layer = {
        weight: own,
        bias: ownBias,
        groups,
        rate,
        givesLogits,
        means: take(),
        sizes: take(),
        outputSpreads: take(),
      };
      layer.sizes.fill(1 / Math.sqrt(fanIn(weight.dims)));
      layer.outputSpreads.fill(1);
      return layer;
    });
    this.#ones = take().fill(1);
    this.#zeros = take();
  }

  /** Sizes the steps of every layer, in order, by what passes through it. */
  rescale(scales: readonly LayerScale[]): void {
    this.layers.forEach((layer, index) => {
      const scale = scales[index];
      if (scale === undefined) return;
      const taps = layer.means.length / scale.inputMeans.length;
      const root = Math.sqrt(fanIn(layer.weight.dims));
      for (let place = 0; place < layer.means.length; place++) {
        const input = Math.floor(place / taps);
        layer.means[place] = layer.bias === null ? 0 : (scale.inputMeans[input] ?? 0);
        layer.sizes[place] = 1 / ((scale.inputSpreads[input] ?? 1) * root);
      }
      if (!layer.givesLogits) layer.outputSpreads.set(scale.outputSpreads);
    });
  }

  /**
   * One step by the gradients the parameters hold. A step with one that is not finite is left out (`applied` false): one
   * bad batch must not ruin the weights.
   */
  step(learningRate: number): { norm: number; applied: boolean } {
    const { kernel } = this.#memory;
    let squares = 0;
    for (const { gradient } of this.parameters) squares += kernel.squaredSum(gradient.byteOffset, gradient.length);
    const norm = Math.sqrt(squares);
    if (!Number.isFinite(norm)) return { norm, applied: false };
    this.stepCount++;
    const clip = norm > this.#settings.maxGradientNorm ? this.#settings.maxGradientNorm / norm : 1;
    for (const layer of this.layers) this.#stepLayer(layer, clip, learningRate * layer.rate);
    return { norm, applied: true };
  }

  #stepLayer(layer: Layer, clip: number, pace: number): void {
    const { weight, bias, groups, means, sizes, outputSpreads } = layer;
    const outputs = weight.dims[0] ?? 0;
    const row = fanIn(weight.dims);
    for (let output = 0; output < outputs; output++) {
      const from = Math.floor((output * groups) / outputs) * row;
      const shift = this.#moveRow(weight, output * row, row, {
        means: means.byteOffset + from * 4,
        sizes: sizes.byteOffset + from * 4,
        clip,
        center: bias?.gradient[output] ?? 0,
        stepSize: pace * (outputSpreads[output] ?? 1),
        decay: pace * this.#settings.weightDecay,
      });
      if (bias !== null) bias.values[output] = (bias.values[output] ?? 0) - shift;
    }
    if (bias === null) return;
    this.#moveRow(bias, 0, outputs, {
      means: this.#zeros.byteOffset,
      sizes: layer.givesLogits ? this.#ones.byteOffset : outputSpreads.byteOffset,
      clip,
      center: 0,
      stepSize: pace,
      decay: 0,
    });
  }

  #moveRow(parameter: Parameter, start: number, count: number, move: RowMove): number {
    const { beta1, beta2, epsilon, averageDecay } = this.#settings;
    const address = (array: Float32Array): number => array.byteOffset + start * 4;
    return this.#memory.kernel.adamRow(
      address(parameter.values),
      address(parameter.average),
      address(parameter.momentum),
      address(parameter.variance),
      address(parameter.gradient),
      move.means,
      move.sizes,
      count,
      move.clip,
      move.center,
      move.stepSize / (1 - beta1 ** this.stepCount),
      move.decay,
      beta1,
      beta2,
      1 / (1 - beta2 ** this.stepCount),
      epsilon,
      // Young averages follow faster, or they would remember the start for long.
      Math.min(averageDecay, (1 + this.stepCount) / (10 + this.stepCount)),
    );
  }
}

interface RowMove {
  /** Addresses. */
  readonly means: number;
  readonly sizes: number;
  readonly clip: number;
  /** Gradient of the row's bias. */
  readonly center: number;
  readonly stepSize: number;
  readonly decay: number;
}

const fanIn = (dims: readonly number[]): number => dims.slice(1).reduce((product, size) => product * size, 1);

/** Inputs of a layer, all groups, times taps. */
const inputTaps = (dims: readonly number[], groups: number): number => fanIn(dims) * groups;
