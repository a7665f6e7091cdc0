import { expect, test } from "vitest";
import type { WallClockMs } from "../../../src/platform/clock.ts";
import { caseMetadata } from "../../../src/pipeline/uplink/case-metadata.ts";
import { allowance } from "../../../src/pipeline/uplink/daily-budget.ts";
import { holds, isTimeZone, localClock } from "../../../src/pipeline/uplink/local-time.ts";
import { BudgetOptions } from "../../../src/pipeline/uplink/uplink-options.ts";

const minute = (text: string) => ({ day: "2026-03-29", minute: Number(text.slice(0, 2)) * 60 + Number(text.slice(3)) });
const used = { day: "2026-03-29", dayCases: 5, dayBytes: 900 };
const budget = (change: Partial<BudgetOptions>): BudgetOptions => BudgetOptions.parse(change);

test("day and minute are those of the plant, also where its clocks change", () => {
  const berlin = localClock("Europe/Berlin");
  expect(berlin(Date.parse("2026-03-28T23:30:00Z") as WallClockMs)).toEqual(minute("00:30"));
  expect(berlin(Date.parse("2026-03-29T01:30:00Z") as WallClockMs)).toEqual(minute("03:30"));
  expect(isTimeZone("Europe/Berlinn")).toBe(false);
});

test("a window may pass midnight, and its end is not in it", () => {
  const night = { from: "22:00", to: "06:00" };
  expect(["21:59", "22:00", "00:00", "05:59", "06:00"].map((time) => holds(night, minute(time)))).toEqual([
    ...[false, true, true, true, false],
  ]);
  expect(holds({ from: "06:00", to: "06:00" }, minute("12:00"))).toBe(true);
});

test("nothing is sent in quiet hours", () => {
  const quiet = budget({ quietHours: [{ from: "06:00", to: "22:00" }] });
  expect(allowance(quiet, null, used, minute("12:00"))).toEqual({ ok: false, hold: "quiet hours" });
  expect(allowance(quiet, null, used, minute("23:00"))).toMatchObject({ ok: true });
});

test("the day's budget ends with the day, and the hub may lower it but not raise it", () => {
  const small = budget({ dailyCases: 6, dailyBytes: 1000 });
  expect(allowance(small, null, used, minute("12:00"))).toEqual({ ok: true, mostBytes: 100 });
  const lower = { dailyCases: 5, dailyBytes: 1e9 };
  expect(allowance(small, lower, used, minute("12:00"))).toMatchObject({ hold: "the day's number of cases is sent" });
  expect(allowance(small, { dailyCases: 100, dailyBytes: 900 }, used, minute("12:00"))).toMatchObject({
    hold: "the day's bytes are sent",
  });
  expect(allowance(small, lower, { ...used, day: "2026-03-28" }, minute("00:01"))).toEqual({
    ok: true,
    mostBytes: 1000,
  });
});

test("metadata carry the shift, and the trigger knows better than the camera and the configuration", () => {
  const shifts = [
    { name: "early", from: "06:00", to: "14:00" },
    { name: "night", from: "22:00", to: "06:00" },
  ];
  const layers = [
    { lighting: "ring", gain: 1 },
    { gain: 2, file: "x".repeat(300) },
    { gain: 3, broken: NaN },
  ];
  const metadata = caseMetadata({ shifts, localTime: minute("23:00"), layers });
  expect(metadata).toEqual({ lighting: "ring", gain: 3, file: "x".repeat(256), shift: "night" });
});
