import { expect, it } from "vitest";
import { LateTriggers } from "../../../src/pipeline/publish/late-triggers.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";

it("calls late what arrives before the session is known, however long the connecting took", async () => {
  const clock = new FakeClock();
  const late = new LateTriggers(clock);
  late.expect();
  await clock.advance(2_000); // a slow network; then the broker's kept triggers come in one go with its CONNACK
  expect([late.isLate(false), late.isLate(false)]).toEqual([true, true]);
  late.connected(true);
  expect(late.isLate(false)).toBe(true);
  await clock.advance(300);
  expect(late.isLate(false)).toBe(false);
});

it("calls nothing late but redeliveries where no session was resumed", () => {
  const late = new LateTriggers(new FakeClock());
  late.expect();
  late.connected(false);
  expect([late.isLate(false), late.isLate(true), late.isLate(false)]).toEqual([false, true, false]);
});
