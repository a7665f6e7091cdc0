// AssemblyScript, compiled to WebAssembly with 128-bit SIMD by scripts/build-kernel.mjs; tsc never sees this folder.
// The caller (../finetune/optimizer-memory.ts) lays out memory; nothing is allocated in here. Every operation is one
// that IEEE 754 and WebAssembly fix to the bit.

/** First byte the caller may use. */
export function heapStart(): usize {
  return __heap_base;
}

/**
 * Adam on one row of a weight, see ../finetune/adam.ts: moves `count` values, follows with their average, and returns
 * the sum of mean * move. Pointers are to float32; `means` and `sizes` run along the row.
 */
export function adamRow(
  values: usize, average: usize, momentum: usize, variance: usize, gradient: usize, means: usize, sizes: usize,
  count: i32, clip: f32, center: f32, stepSize: f32, decay: f32, beta1: f32, beta2: f32, varianceScale: f32,
  epsilon: f32, averageDecay: f32,
): f32 {
  const clip4 = f32x4.splat(clip);
  const center4 = f32x4.splat(center);
  const step4 = f32x4.splat(-stepSize);
  const decay4 = f32x4.splat(decay);
  const keep1 = f32x4.splat(beta1);
  const take1 = f32x4.splat(1 - beta1);
  const keep2 = f32x4.splat(beta2);
  const take2 = f32x4.splat(1 - beta2);
  const scale4 = f32x4.splat(varianceScale);
  const epsilon4 = f32x4.splat(epsilon);
  const follow4 = f32x4.splat(1 - averageDecay);
  let shift4 = f32x4.splat(0);
  const whole = <usize>(count & ~3) << 2;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const mean = v128.load(means + at);
    const slope = f32x4.mul(f32x4.sub(v128.load(gradient + at), f32x4.mul(mean, center4)), clip4);
    const first = f32x4.add(f32x4.mul(keep1, v128.load(momentum + at)), f32x4.mul(take1, slope));
    const second = f32x4.add(f32x4.mul(keep2, v128.load(variance + at)), f32x4.mul(take2, f32x4.mul(slope, slope)));
    const value = v128.load(values + at);
    const pull = f32x4.div(
      f32x4.mul(f32x4.mul(step4, v128.load(sizes + at)), first),
      f32x4.add(f32x4.sqrt(f32x4.mul(second, scale4)), epsilon4),
    );
    const change = f32x4.sub(pull, f32x4.mul(decay4, value));
    const moved = f32x4.add(value, change);
    const followed = v128.load(average + at);
    v128.store(momentum + at, first);
    v128.store(variance + at, second);
    v128.store(values + at, moved);
    v128.store(average + at, f32x4.add(followed, f32x4.mul(follow4, f32x4.sub(moved, followed))));
    shift4 = f32x4.add(shift4, f32x4.mul(mean, change));
  }
  let shift: f32 = f32x4.extract_lane(shift4, 0) + f32x4.extract_lane(shift4, 1)
    + f32x4.extract_lane(shift4, 2) + f32x4.extract_lane(shift4, 3);
  const end = <usize>count << 2;
  for (; at < end; at += 4) {
    const mean = load<f32>(means + at);
    const slope = (load<f32>(gradient + at) - mean * center) * clip;
    const first = beta1 * load<f32>(momentum + at) + (1 - beta1) * slope;
    const second = beta2 * load<f32>(variance + at) + (1 - beta2) * slope * slope;
    const value = load<f32>(values + at);
    const change = (-stepSize * load<f32>(sizes + at) * first) / (sqrt<f32>(second * varianceScale) + epsilon)
      - decay * value;
    const followed = load<f32>(average + at);
    store<f32>(momentum + at, first);
    store<f32>(variance + at, second);
    store<f32>(values + at, value + change);
    store<f32>(average + at, followed + (1 - averageDecay) * (value + change - followed));
    shift += mean * change;
  }
  return shift;
}

/** Sum of the squares of `count` float32, in double precision; eight sums side by side, so that none waits for itself. */
export function squaredSum(from: usize, count: i32): f64 {
  let sum0 = f64x2.splat(0);
  let sum1 = f64x2.splat(0);
  let sum2 = f64x2.splat(0);
  let sum3 = f64x2.splat(0);
  let at = from;
  const whole = from + (<usize>(count & ~7) << 2);
  for (; at < whole; at += 32) {
    const near = v128.load(at);
    const far = v128.load(at, 16);
    const a = f64x2.promote_low_f32x4(near);
    const b = f64x2.promote_low_f32x4(i8x16.shuffle(near, near, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
    const c = f64x2.promote_low_f32x4(far);
    const d = f64x2.promote_low_f32x4(i8x16.shuffle(far, far, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
    sum0 = f64x2.add(sum0, f64x2.mul(a, a));
    sum1 = f64x2.add(sum1, f64x2.mul(b, b));
    sum2 = f64x2.add(sum2, f64x2.mul(c, c));
    sum3 = f64x2.add(sum3, f64x2.mul(d, d));
  }
  const sums = f64x2.add(f64x2.add(sum0, sum1), f64x2.add(sum2, sum3));
  let total = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  const end = from + (<usize>count << 2);
  for (; at < end; at += 4) {
    const value = <f64>load<f32>(at);
    total += value * value;
  }
  return total;
}
