import { expect, test } from "vitest";
import type { FrameStatistics } from "../../../src/imaging/frame-statistics.ts";
import { checkSanity, SanityLimits, type SanityInput } from "../../../src/pipeline/sanity/sanity-gate.ts";

const scene = Uint8Array.from({ length: 1024 }, (_, cell) => (cell % 32 < 16 ? 40 : 200));
const shifted = Uint8Array.from({ length: 1024 }, (_, cell) => ((cell + 12) % 32 < 16 ? 40 : 200));
const brighter = scene.map((value) => value + 30);

const statistics: FrameStatistics = {
  meanLuminance: 110,
  darkShare: 0.1,
  brightShare: 0.01,
  sharpness: 5,
  contentHash: 1n,
  flatBottomRows: false,
  thumbnail: scene,
};
const limits = SanityLimits.parse({});
const input = (change: Partial<SanityInput> = {}, statisticsChange: Partial<FrameStatistics> = {}): SanityInput => ({
  statistics: { ...statistics, ...statisticsChange },
  widthPx: 640,
  heightPx: 480,
  live: true,
  previousHash: undefined,
  reference: undefined,
  ...change,
});

test("a normal frame may be judged", () => {
  expect(checkSanity(input(), limits)).toEqual({ ok: true });
});

test.each([
  ["dark", input({}, { meanLuminance: 2 })],
  ["overexposed", input({}, { brightShare: 0.999 })],
  ["blurred", input({}, { sharpness: 0.01 })],
  ["frozen", input({ previousHash: 1n })],
  ["torn", input({}, { flatBottomRows: true })],
] as const)("a %s frame is a fault, not a guess", (reason, frame) => {
  expect(checkSanity(frame, limits)).toMatchObject({ ok: false, reason });
});

test("files may repeat and end in a flat border: only a camera's frames are frozen or torn", () => {
  expect(checkSanity(input({ live: false, previousHash: 1n }, { flatBottomRows: true }), limits)).toEqual({ ok: true });
});

test("a frame of another size than the recipe's is refused with both sizes", () => {
  const finding = checkSanity(input(), SanityLimits.parse({ expectedWidthPx: 1280, expectedHeightPx: 720 }));
  expect(finding).toMatchObject({
    reason: "wrong-size",
    detail: "the frame is 640x480 px, the recipe expects 1280x720 px",
  });
});

test("a camera that moved is told from a lamp that grew brighter", () => {
  expect(checkSanity(input({ reference: scene }, { thumbnail: brighter }), limits)).toEqual({ ok: true });
  expect(checkSanity(input({ reference: scene }, { thumbnail: shifted }), limits)).toMatchObject({
    reason: "camera-moved",
  });
});
