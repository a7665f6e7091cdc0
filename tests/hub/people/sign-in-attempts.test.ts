import { expect, test } from "vitest";
import { SignInAttempts } from "../../../src/hub/people/sign-in-attempts.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";

test("after so many failures a name waits for the rest of the window, however it is written", async () => {
  const clock = new FakeClock();
  const attempts = new SignInAttempts(clock, { failures: 3, windowMs: 60_000 });
  for (const name of ["Anna", "anna", "ANNA"]) {
    expect(attempts.waitSeconds(name)).toBe(0);
    attempts.failed(name);
  }
  await clock.advance(10_000);
  expect(attempts.waitSeconds("anna")).toBe(50);
  expect(attempts.waitSeconds("bert")).toBe(0);
  await clock.advance(50_000);
  expect(attempts.waitSeconds("anna")).toBe(0);
});

test("a sign-in that succeeds forgets the failures before it", () => {
  const attempts = new SignInAttempts(new FakeClock(), { failures: 2, windowMs: 60_000 });
  attempts.failed("anna");
  attempts.succeeded("Anna");
  attempts.failed("anna");
  expect(attempts.waitSeconds("anna")).toBe(0);
});
