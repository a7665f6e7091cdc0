// AssemblyScript, compiled to WebAssembly with 128-bit SIMD by scripts/build-kernel.mjs; tsc never sees this folder.
// The caller (../sketch-memory.ts) lays out memory; nothing is allocated in here.

/** First byte the caller may use. */
export function heapStart(): usize {
  return __heap_base;
}

/** Squared distance of `query` (64 int8) from each of `count` vectors of 64 int8, as int32 to `distances`. */
export function squaredDistances(vectors: usize, count: i32, query: usize, distances: usize): void {
  const first = v128.load(query);
  const second = v128.load(query, 16);
  const third = v128.load(query, 32);
  const fourth = v128.load(query, 48);
  const q0 = i16x8.extend_low_i8x16_s(first);
  const q1 = i16x8.extend_high_i8x16_s(first);
  const q2 = i16x8.extend_low_i8x16_s(second);
  const q3 = i16x8.extend_high_i8x16_s(second);
  const q4 = i16x8.extend_low_i8x16_s(third);
  const q5 = i16x8.extend_high_i8x16_s(third);
  const q6 = i16x8.extend_low_i8x16_s(fourth);
  const q7 = i16x8.extend_high_i8x16_s(fourth);
  const end = vectors + ((<usize>count) << 6);
  for (let at = vectors; at < end; at += 64, distances += 4) {
    let bytes = v128.load(at);
    let away = i16x8.sub(i16x8.extend_low_i8x16_s(bytes), q0);
    let sum = i32x4.dot_i16x8_s(away, away);
    away = i16x8.sub(i16x8.extend_high_i8x16_s(bytes), q1);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(away, away));
    bytes = v128.load(at, 16);
    away = i16x8.sub(i16x8.extend_low_i8x16_s(bytes), q2);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(away, away));
    away = i16x8.sub(i16x8.extend_high_i8x16_s(bytes), q3);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(away, away));
    bytes = v128.load(at, 32);
    away = i16x8.sub(i16x8.extend_low_i8x16_s(bytes), q4);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(away, away));
    away = i16x8.sub(i16x8.extend_high_i8x16_s(bytes), q5);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(away, away));
    bytes = v128.load(at, 48);
    away = i16x8.sub(i16x8.extend_low_i8x16_s(bytes), q6);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(away, away));
    away = i16x8.sub(i16x8.extend_high_i8x16_s(bytes), q7);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(away, away));
    store<i32>(
      distances,
      i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3),
    );
  }
}
