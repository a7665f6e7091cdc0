import { expect, test } from "vitest";
import { BatchPool } from "../../../src/pipeline/preprocess/batch-pool.ts";

const MEGABYTE = 1024 * 1024;

test("a buffer given back is taken again", () => {
  const pool = new BatchPool();
  const buffer = pool.take(MEGABYTE);
  pool.give(buffer);
  expect(pool.take(MEGABYTE)).toBe(buffer);
  expect(pool.take(MEGABYTE)).not.toBe(buffer);
});

test("idle buffers of all sizes together stay below 64 MiB", () => {
  const pool = new BatchPool();
  const large = [20, 21, 22].map((megabytes) => pool.take(megabytes * MEGABYTE));
  const tooMuch = pool.take(2 * MEGABYTE);
  for (const buffer of [...large, tooMuch]) pool.give(buffer);
  expect(pool.take(2 * MEGABYTE)).not.toBe(tooMuch);
  for (const buffer of large) expect(pool.take(buffer.length)).toBe(buffer);
});
