import { expect, it } from "vitest";
import { decodeImage } from "../../src/imaging/decode-image.ts";
import { encodeJpeg, encodePng } from "../../src/imaging/encode-jpeg.ts";
import { noiseImage, tileImage } from "./made-images.ts";

const SHAPES = [
  { widthPx: 1, heightPx: 1, channels: 1 },
  { widthPx: 1, heightPx: 1, channels: 3 },
  { widthPx: 33, heightPx: 17, channels: 1 },
  { widthPx: 33, heightPx: 17, channels: 3 },
] as const;

it("writes PNGs that decode to the very same pixels and channels", async () => {
  for (const shape of SHAPES) {
    const image = noiseImage(shape, 3);
    const decoded = await decodeImage(await encodePng(image));
    expect(decoded).toMatchObject({
      ok: true,
      image: { widthPx: image.widthPx, heightPx: image.heightPx, channels: image.channels },
    });
    expect(decoded.ok && Buffer.from(decoded.image.pixels).equals(Buffer.from(image.pixels))).toBe(true);
  }
});

it("writes JPEGs of the same size and channels, the smaller the lower the quality", async () => {
  for (const shape of SHAPES) {
    expect(await decodeImage(await encodeJpeg(noiseImage(shape, 4)))).toMatchObject({ ok: true, image: shape });
  }
  const tile = tileImage({ widthPx: 200, heightPx: 150, channels: 3 });
  expect((await encodeJpeg(tile, 40)).length).toBeLessThan((await encodeJpeg(tile, 95)).length);
});
