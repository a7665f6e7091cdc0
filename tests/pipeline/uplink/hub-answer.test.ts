import { expect, test } from "vitest";
import { DeviceOrders, StoredReply } from "../../../src/contracts/hub-case.ts";
import { readAnswer, retryAfterMs } from "../../../src/pipeline/uplink/hub-answer.ts";

const reply = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  ...{ status, headers },
  text: typeof body === "string" ? body : JSON.stringify(body),
});
const NOW = Date.UTC(2026, 0, 1);

test("what the hub says is told apart from what stands between", () => {
  expect(readAnswer(reply(201, { stored: "new" }), StoredReply, NOW)).toEqual({ kind: "ok", value: { stored: "new" } });
  expect(readAnswer(reply(200, "<html>Please log in</html>"), StoredReply, NOW)).toMatchObject({ kind: "away" });
  expect(readAnswer(reply(302, ""), StoredReply, NOW)).toMatchObject({ kind: "away" });
  expect(readAnswer(reply(502, "Bad gateway"), StoredReply, NOW)).toMatchObject({ kind: "away", retryAfterMs: null });
  expect(readAnswer(reply(401, {}), StoredReply, NOW)).toMatchObject({ kind: "unauthorised" });
  const said = { error: { code: "TOO_LARGE", message: "The image is too large." } };
  expect(readAnswer(reply(413, said), StoredReply, NOW)).toEqual({
    kind: "refused",
    status: 413,
    sentence: "The image is too large. (413)",
  });
});

test("a newer hub may say more than is known here", () => {
  const orders = { schema: 1, rules: [], limits: { dailyCases: 1, dailyBytes: 2, perHour: 3 }, news: "hello" };
  const known = { schema: 1, rules: [], limits: { dailyCases: 1, dailyBytes: 2 } };
  expect(readAnswer(reply(200, orders), DeviceOrders, NOW)).toEqual({ kind: "ok", value: known });
  expect(readAnswer(reply(200, { ...orders, schema: 2 }), DeviceOrders, NOW)).toMatchObject({ kind: "away" });
});

test("Retry-After is read as seconds and as a date", () => {
  expect(retryAfterMs("120", NOW)).toBe(120_000);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:01:00 GMT", NOW)).toBe(60_000);
  expect(retryAfterMs("Wed, 31 Dec 2025 00:01:00 GMT", NOW)).toBe(0);
  expect(retryAfterMs("soon", NOW)).toBeNull();
  expect(retryAfterMs(undefined, NOW)).toBeNull();
});
