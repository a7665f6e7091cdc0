/** float32 little-endian, as the tables keep vectors. */
export const bytesOfVector = (vector: Float32Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);

/** The same bytes where they are aligned, as a database driver often returns them; else a copy. */
export function vectorOfBytes(bytes: Uint8Array): Float32Array {
  const length = Math.floor(bytes.byteLength / 4);
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  return new Float32Array(bytes.slice().buffer, 0, length);
}
