/** Values a tensor took on the calibration frames. */
export interface TensorRange {
  readonly min: number;
  readonly max: number;
}

/** real = (quantised - zeroPoint) * scale; `scale` is a float32. */
export interface QuantizationParameters {
  readonly scale: number;
  readonly zeroPoint: number;
}

export interface QuantizedWeights {
  readonly values: Int8Array;
  /** One scale an output channel; zero points are 0. */
  readonly scales: Float32Array;
}

const SMALLEST_NORMAL_FLOAT = 1.1754943508222875e-38;
const INT32_LIMIT = 2147483647;

/** Half to even, as NumPy and ONNX round; Math.round would shift every .5 upwards. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * uint8 parameters of an activation: the range is widened to hold 0, so that zero padding is exact. The same sums as
 * onnxruntime.quantization's compute_scale_zp: float64 until the scale is stored.
 */
export function activationParameters(range: TensorRange): QuantizationParameters {
  const min = Math.min(range.min, 0);
  const max = Math.max(range.max, 0);
  const scale = (max - min) / 255;
  if (scale < SMALLEST_NORMAL_FLOAT) return { scale: 1, zeroPoint: 0 };
  return { scale: Math.fround(scale), zeroPoint: roundHalfEven(0 - min / scale) };
}

/**
 * int8 parameters of an activation around 0, [-127, 127] being the range's larger side: all TensorRT takes. A tensor
 * without negative values so uses 7 bits.
 */
export function symmetricParameters(range: TensorRange): QuantizationParameters {
  const scale = Math.max(Math.abs(range.min), Math.abs(range.max)) / 127;
  return { scale: scale < SMALLEST_NORMAL_FLOAT ? 1 : Math.fround(scale), zeroPoint: 0 };
}

/**
 * Symmetric int8 weights with a scale per output channel. A bias is stored as int32 in steps of inputScale *
 * weightScale, so a channel of tiny weights gets a coarser scale where its bias would not fit. `channelOf` names the
 * output channel of a weight by its position; by default the channels lie one after the other.
 */
export function quantizeWeights(
  weights: Float32Array,
  channels: number,
  bias: { readonly values: Float32Array | undefined; readonly inputScale: number },
  channelOf = (position: number): number => Math.floor(position / (weights.length / channels)),
): QuantizedWeights {
  const largest = new Float32Array(channels);
  weights.forEach((weight, position) => {
    const channel = channelOf(position);
    largest[channel] = Math.max(largest[channel] ?? 0, Math.abs(weight));
  });
  const scales = largest.map((most, channel) =>
    largestOf(most / 127, smallestScale(bias.values?.[channel] ?? 0, bias.inputScale)),
  );
  const values = Int8Array.from(weights, (weight, position) =>
    clamp(roundHalfEven(Math.fround(weight / (scales[channelOf(position)] ?? 1))), -128, 127),
  );
  return { values, scales };
}

/** int32 bias in steps of inputScale * weightScale (each product a float32), and those steps. */
export function quantizeBias(
  bias: Float32Array,
  inputScale: number,
  weightScales: Float32Array,
): { values: Int32Array; scales: Float32Array } {
  const scales = weightScales.map((scale) => inputScale * scale);
  const values = Int32Array.from(bias, (value, channel) =>
    clamp(roundHalfEven(value / (scales[channel] ?? 1)), -INT32_LIMIT - 1, INT32_LIMIT),
  );
  return { values, scales };
}

/** Least weight scale with which the bias still fits into int32. */
const smallestScale = (bias: number, inputScale: number): number =>
  (1.0001 * 2 * Math.abs(bias)) / (2 ** 32 - 2) / inputScale;

const largestOf = (weightScale: number, biasScale: number): number =>
  weightScale < SMALLEST_NORMAL_FLOAT && biasScale < SMALLEST_NORMAL_FLOAT ? 1 : Math.max(weightScale, biasScale);

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
