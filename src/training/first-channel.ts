/** The first of three interleaved channels. Plain loops: called for every region of a data set. */
export function firstChannel(rgb: Uint8Array): Uint8Array {
  const channel = new Uint8Array(Math.floor(rgb.length / 3));
  for (let pixel = 0, at = 0; pixel < channel.length; pixel++, at += 3) channel[pixel] = rgb[at] ?? 0;
  return channel;
}
