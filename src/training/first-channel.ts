/**
 * The first of three interleaved channels. Four pixels at a time through 32-bit words (lowest byte first, as on every
 * machine Node runs on): called for every region of a data set.
 */
export function firstChannel(rgb: Uint8Array): Uint8Array {
  const channel = new Uint8Array(Math.floor(rgb.length / 3));
  const quads = rgb.byteOffset % 4 === 0 ? channel.length >> 2 : 0;
  const words = new Uint32Array(rgb.buffer, quads === 0 ? 0 : rgb.byteOffset, quads * 3);
  const output = new Uint32Array(channel.buffer, 0, quads);
  for (let quad = 0, at = 0; quad < quads; quad++, at += 3) {
    const first = words[at] ?? 0;
    const third = ((words[at + 1] ?? 0) >>> 16) & 255;
    const fourth = ((words[at + 2] ?? 0) >>> 8) & 255;
    output[quad] = (first & 255) | ((first >>> 24) << 8) | (third << 16) | (fourth << 24);
  }
  for (let pixel = quads * 4; pixel < channel.length; pixel++) channel[pixel] = rgb[pixel * 3] ?? 0;
  return channel;
}
