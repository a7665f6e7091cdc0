import { expect, test } from "vitest";
import { firstChannel } from "../../src/training/first-channel.ts";

test.each([0, 1, 3, 4, 5, 10, 64])("of %i pixels the first channel is taken, wherever the bytes begin", (pixels) => {
  const memory = Uint8Array.from({ length: pixels * 3 + 3 }, (_, at) => (at * 37 + 11) & 255);
  for (const start of [0, 1, 2, 3]) {
    const rgb = memory.subarray(start, start + pixels * 3);
    expect(firstChannel(rgb)).toEqual(Uint8Array.from({ length: pixels }, (_, pixel) => rgb[pixel * 3] ?? 0));
  }
});
