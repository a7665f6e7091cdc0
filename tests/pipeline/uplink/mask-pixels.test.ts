import { expect, test } from "vitest";
import { decodeImage } from "../../../src/imaging/decode-image.ts";
import { encodeJpeg } from "../../../src/imaging/encode-jpeg.ts";
import type { Image } from "../../../src/imaging/image.ts";
import { cutAndMask, type Cut } from "../../../src/pipeline/uplink/mask-pixels.ts";
import { PrivacyOptions } from "../../../src/pipeline/uplink/uplink-options.ts";
import { noise } from "./open-uplink.ts";

const turn = async (): Promise<void> => undefined;
const frame = noise(1);
const privacy = (masks: PrivacyOptions["masks"]): PrivacyOptions =>
  PrivacyOptions.parse({ frame: { width: 64, height: 48 }, masks });

const at = ({ pixels, widthPx, channels }: Image, x: number, y: number): number[] => [
  ...pixels.subarray((y * widthPx + x) * channels, (y * widthPx + x + 1) * channels),
];
function cutOf(cut: Cut): Image {
  if (!cut.ok) throw new Error(cut.sentence);
  return cut.cut.image;
}

test("without crop and masks the camera's own pixels are used, not a copy", async () => {
  expect(cutOf(await cutAndMask(frame, null, null, turn)).pixels).toBe(frame.pixels);
});

test("under a mask every pixel is black and beside it none has changed, also in a crop", async () => {
  const before = frame.pixels.slice();
  const crop = { x: 10, y: 8, width: 40, height: 30 };
  const masks = [
    { x: 0, y: 0, width: 20, height: 12 },
    { x: 60, y: 40, width: 4, height: 8 },
  ];
  const cut = await cutAndMask(frame, crop, privacy(masks), turn);
  expect(cut).toMatchObject({ ok: true, cut: { crop, masked: 1 } });
  const image = cutOf(cut);
  for (let y = 0; y < crop.height; y++)
    for (let x = 0; x < crop.width; x++)
      expect(at(image, x, y)).toEqual(x < 10 && y < 4 ? [0, 0, 0] : at(frame, x + crop.x, y + crop.y));
  expect(frame.pixels).toEqual(before);
});

test("a masked area is black in the JPEG as well", async () => {
  const image = cutOf(await cutAndMask(frame, null, privacy([{ x: 16, y: 16, width: 32, height: 16 }]), turn));
  const decoded = await decodeImage(await encodeJpeg(image, 80));
  if (!decoded.ok) throw new Error(decoded.detail);
  for (let y = 17; y < 31; y++)
    for (let x = 17; x < 47; x++) for (const value of at(decoded.image, x, y)) expect(value).toBeLessThan(24);
});

test("a frame of another size than the masks were drawn for is refused, never sent unmasked", async () => {
  const masks = [{ x: 0, y: 0, width: 8, height: 8 }];
  const refused = await cutAndMask(noise(2, 128, 96), null, privacy(masks), turn);
  expect(refused).toEqual({
    ok: false,
    sentence: "the frame has 128 x 96 px and its masks were drawn for 64 x 48 px",
  });
  expect(await cutAndMask(frame, { x: 60, y: 0, width: 8, height: 8 }, null, turn)).toMatchObject({ ok: false });
});

test("a mask that does not lie within its frame is refused with the configuration", () => {
  expect(() => privacy([{ x: 60, y: 0, width: 8, height: 8 }])).toThrow(/within the frame/);
});
