import { expect, test } from "vitest";
import { uuidv7 } from "../../src/platform/uuid.ts";

test("ids are version 7, variant 10, carry their time and never repeat", () => {
  const at = Date.UTC(2026, 10, 23);
  const ids = Array.from({ length: 5000 }, (_, ms) => uuidv7(at + ms));
  expect(new Set(ids).size).toBe(5000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(ids[0]?.replace("-", "").slice(0, 12) ?? "", 16)).toBe(at);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids.map((id) => id[19])).size).toBe(4);
});
