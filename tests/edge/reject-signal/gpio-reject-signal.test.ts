import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GpioRejectSignal } from "../../../src/edge/reject-signal/gpio-reject-signal.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { verdictOf } from "./verdict-of.ts";

// No GPIO here: these tests run against a fake gpioset that only writes levels into a file.
let folder: string;
let signal: GpioRejectSignal | undefined;
const until = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 8_000, interval: 5 });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-gpio-"));
  vi.stubEnv("FAKE_GPIO", folder);
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
});
afterEach(async () => {
  await signal?.stop();
  signal = undefined;
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function startSignal(version: string, pulseMs: number): Promise<GpioRejectSignal> {
  vi.stubEnv("FAKE_GPIO_VERSION", version);
  const fake = fileURLToPath(new URL("./fake-gpioset.sh", import.meta.url));
  if (!existsSync(join(folder, "gpioset"))) await symlink(fake, join(folder, "gpioset"));
  const parts = { clock: systemClock, log: silentLogger, random: () => 0.5, isDeciding: () => true };
  signal = new GpioRejectSignal({ type: "gpio", chip: "gpiochip0", passLine: 17, pulseMs }, parts);
  await signal.start();
  return signal;
}

const levels = async (): Promise<string[]> => {
  const log = await readFile(join(folder, "log"), "utf8").catch(() => "");
  const lines = log.split("\n").filter((line) => line !== "");
  return lines.filter((line, at) => line !== lines[at - 1]);
};

describe.each(["1.6.3", "2.1.3"])("with libgpiod %s", (version) => {
  test("a pass energises the line for the pulse and lets it fall", async () => {
    const started = await startSignal(version, 150);
    await until(() => expect(started.status().connected).toBe(true));
    started.signal(verdictOf("pass"), true);
    await until(async () => expect(await levels()).toEqual(["17=0", "17=1", "17=0"]));
    expect(started.status()).toMatchObject({ passCount: 1, missedPassCount: 0 });
  });

  test("a reject ends the pulse of the part before, and reject, review and fault energise nothing", async () => {
    const started = await startSignal(version, 20_000);
    await until(() => expect(started.status().connected).toBe(true));
    started.signal(verdictOf("pass"), true);
    await until(async () => expect((await levels()).at(-1)).toBe("17=1"));
    for (const kind of ["reject", "review", "fault"] as const) started.signal(verdictOf(kind), true);
    await until(async () => expect(await levels()).toEqual(["17=0", "17=1", "17=0"]));
  });

  test("stop lets the line fall", async () => {
    const started = await startSignal(version, 20_000);
    await until(() => expect(started.status().connected).toBe(true));
    started.signal(verdictOf("pass"), true);
    await until(async () => expect((await levels()).at(-1)).toBe("17=1"));
    await started.stop();
    expect((await levels()).at(-1)).toBe("17=0");
  });
});

test("a line that may not be opened is said, retried and found again", async () => {
  await writeFile(join(folder, "broken"), "");
  const started = await startSignal("1.6.3", 50);
  await until(() =>
    expect(started.status().sentence).toMatch(/gpiochip0 line 17: .*Permission denied; every part is rejected/),
  );
  started.signal(verdictOf("pass"), true);
  await until(() => expect(started.status().missedPassCount).toBe(1));
  await rm(join(folder, "broken"));
  await until(() => expect(started.status().connected).toBe(true));
  expect(await levels()).toEqual(["17=0"]);
});

test("a missing gpioset is said with its remedy", async () => {
  vi.stubEnv("PATH", folder);
  const parts = { clock: systemClock, log: silentLogger, random: () => 0.5, isDeciding: () => true };
  signal = new GpioRejectSignal({ type: "gpio", chip: "gpiochip0", passLine: 17, pulseMs: 50 }, parts);
  await signal.start();
  await until(() => expect(signal?.status().sentence).toContain("sudo apt-get install gpiod"));
});
