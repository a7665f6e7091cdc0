import { execFileSync } from "node:child_process";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ImageReader } from "../../src/imaging/image-reader.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { temporaryDirectory } from "../scenarios/support/station.ts";

test("a file server that does not answer holds up neither the stop nor whoever waits for an image", async () => {
  const pipe = join(temporaryDirectory(), "hung.jpg"); // nothing is written to it: reading it waits in the kernel
  execFileSync("mkfifo", [pipe]);
  const exitListeners = process.listenerCount("exit");
  const reader = new ImageReader(systemClock);
  const read = reader.read([pipe], 1e6);
  const openWriter = () => open(pipe, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined); // where somebody reads
  let writer = await openWriter();
  while (writer === undefined) writer = await systemClock.sleep(10).then(openWriter);
  onTestFinished(async () => {
    await writer.close();
    await expect.poll(() => process.listenerCount("exit"), "the thread has ended").toBe(exitListeners);
  });
  const stopped = reader.stop();
  expect(await read).toMatchObject([{ decoded: { ok: false, reason: "unreadable" } }]);
  await stopped;
});
