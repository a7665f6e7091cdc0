import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import type { Exposure } from "../../../src/pipeline/capture/frame-source.ts";
import { NetpbmParser } from "../../../src/pipeline/capture/image-parsers.ts";
import { programExposures, type ProgramFramesOptions } from "../../../src/pipeline/capture/program-frames.ts";
import { childPids } from "./capturing.ts";

const PICTURE = "printf 'P5\\n4 2\\n255\\nabcdefgh'";

/** What a shell script that plays the camera's program delivers, and how it ended. */
async function capture(script: string, options: Partial<ProgramFramesOptions> = {}) {
  const exposures: Exposure[] = [];
  const all = { program: { path: "/bin/sh", args: ["-c", script] }, parser: new NetpbmParser(), origin: "camera-1" };
  const rest = { deliveryDelayMs: 0, mayEnd: false, metadata: (frame: number) => ({ frame }), ...options };
  const ended: unknown = await (async () => {
    for await (const exposure of programExposures({ ...all, ...rest }, systemClock, new AbortController().signal)) {
      exposures.push(exposure);
    }
    return "ended";
  })().catch((error: unknown) => error);
  expect(await childPids()).toEqual([]);
  return { exposures, ended };
}

test("a program that dies within a picture leaves a torn frame, not silence", async () => {
  const { exposures, ended } = await capture(`${PICTURE}; printf 'P5\\n4 2\\n255\\nabc'; kill -9 $$`);
  expect(exposures.map(({ kind }) => kind)).toEqual(["frame", "damaged"]);
  expect(exposures[1]).toMatchObject({
    reason: "torn",
    detail: "camera-1 broke off within a picture: 3 of 8 bytes arrived",
  });
  expect(ended).toMatchObject({ code: "CAMERA_LOST", detail: "camera-1: the capture program was ended by SIGKILL" });
});

test("a picture after a change of the input's size is a fault, and the end", async () => {
  const sizeIn = (line: string) => /^size (.+)/.exec(line)?.[1];
  const same = `echo size 4 x 2 >&2; ${PICTURE}; sleep 0.1`;
  const script = `${same}; ${same}; echo size 8 x 4 >&2; ${PICTURE}; ${PICTURE}`;
  const { exposures, ended } = await capture(script, { sizeIn });
  expect(exposures.map(({ kind }) => kind)).toEqual(["frame", "frame", "damaged"]);
  expect(exposures[2]).toMatchObject({
    reason: "wrong-size",
    detail: "camera-1 changed from 4 x 2 to 8 x 4 px; it is restarted",
  });
  expect(ended).toMatchObject({ code: "CAMERA_RESIZED" });
});

test("a file's program may end well, a camera's may not", async () => {
  expect((await capture(PICTURE, { mayEnd: true })).ended).toBe("ended");
  expect((await capture(PICTURE)).ended).toMatchObject({ code: "CAMERA_LOST" });
  expect((await capture(`${PICTURE}; exit 1`, { mayEnd: true })).ended).toMatchObject({ code: "CAMERA_LOST" });
});

test("a frame's capture time lies before its arrival by the delivery delay", async () => {
  const before = systemClock.tick();
  const { exposures } = await capture(PICTURE, { deliveryDelayMs: 5000 });
  const [exposure] = exposures;
  const age = systemClock.tick() - (exposure?.capturedTick ?? 0);
  expect(age).toBeGreaterThanOrEqual(5000);
  expect(age).toBeLessThan(5000 + systemClock.tick() - before + 1);
  expect(Math.abs(systemClock.wallNow() - (exposure?.capturedAt ?? 0) - age)).toBeLessThan(50);
});
