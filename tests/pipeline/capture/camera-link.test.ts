import { expect, onTestFinished, test } from "vitest";
import { systemClock, type MonotonicMs } from "../../../src/platform/clock.ts";
import { SightlineError } from "../../../src/contracts/errors.ts";
import { nextCameraState } from "../../../src/pipeline/capture/camera-state.ts";
import type { Exposure, FrameSource } from "../../../src/pipeline/capture/frame-source.ts";
import { gstreamerSource, GstreamerSourceOptions } from "../../../src/pipeline/capture/gstreamer-source.ts";
import { videoSource, VideoSourceOptions } from "../../../src/pipeline/capture/video-source.ts";
import type { CapturedFrame } from "../../../src/pipeline/frame.ts";
import { childPids, childrenRunning, linkTo, until, withoutPrograms } from "./capturing.ts";

const never = new AbortController().signal;

const camera = (framesPerSecond = 100): FrameSource =>
  gstreamerSource(
    GstreamerSourceOptions.parse({
      type: "gstreamer",
      widthPx: 64,
      heightPx: 48,
      deliveryDelayMs: 0,
      pipeline: `videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=${framesPerSecond}/1`,
    }),
    systemClock,
  );

/** A source whose exposures the test hands out one by one. */
function scripted(live: boolean) {
  const waiting: (Exposure | Error | "end")[] = [];
  let wake = (): void => undefined;
  const give = (next: Exposure | Error | "end"): void => {
    waiting.push(next);
    wake();
  };
  async function* exposures(signal: AbortSignal): AsyncGenerator<Exposure, void, void> {
    signal.addEventListener("abort", () => wake(), { once: true });
    for (;;) {
      signal.throwIfAborted();
      const next = waiting.shift();
      if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else if (next === "end") return;
      else if (next instanceof Error) throw next;
      else yield next;
    }
  }
  const source: FrameSource = { name: "scripted camera", live, exposures };
  return { source, give, pending: () => waiting.length };
}

const exposure = (mark: number, capturedTick = systemClock.tick()): Exposure => ({
  kind: "frame",
  image: { pixels: Uint8Array.of(mark), widthPx: 1, heightPx: 1, channels: 1 },
  capturedAt: systemClock.wallNow(),
  capturedTick,
  metadata: { mark },
});
const marks = (frames: readonly CapturedFrame[]): unknown[] => frames.map(({ metadata }) => metadata["mark"]);

async function started(source: FrameSource, options = {}, missed: CapturedFrame[] = []) {
  const link = linkTo(source, options, missed);
  await link.start();
  onTestFinished(() => link.stop());
  return link;
}

test("unknown pairs of state and event keep the state", () => {
  expect(nextCameraState("closed", "opened")).toBe("closed");
  expect(nextCameraState("recovering", "opened")).toBe("ready");
  expect(nextCameraState("recovering", "lost")).toBe("recovering");
});

test("a triggered part gets the first frame exposed after its trigger, never an older one", async () => {
  const link = await started(camera());
  await until(() => link.status().state === "ready", "the camera is ready");
  for (let trigger = 0; trigger < 20; trigger++) {
    const tick = systemClock.tick();
    const frame = await link.nextAfter(tick, AbortSignal.timeout(5000));
    expect(frame.capturedTick).toBeGreaterThanOrEqual(tick);
    expect(frame.capturedTick - tick).toBeLessThan(1000);
  }
  expect(link.status().missed).toBe(0);
});

test("a trigger that arrives a little after its frame still gets that frame", async () => {
  const { source, give, pending } = scripted(true);
  const link = await started(source);
  const at = (tick: number): MonotonicMs => tick as MonotonicMs;
  for (const tick of [10, 20, 30]) give(exposure(tick, at(tick)));
  await until(() => pending() === 0 && link.status().lastFrameAt !== null, "the frames are in");
  await new Promise(setImmediate);
  expect(marks([await link.nextAfter(at(15), never)])).toEqual([20]);
  expect(marks([await link.nextAfter(at(20), never)])).toEqual([20]);
  const later = link.nextAfter(at(31), never);
  give(exposure(31, at(31)));
  expect(marks([await later])).toEqual([31]);
});

test("a trigger that comes when its frame has gone is refused: a later frame would show another part", async () => {
  const { source, give, pending } = scripted(true);
  const link = await started(source);
  const at = (tick: number): MonotonicMs => tick as MonotonicMs;
  for (const tick of [10, 20, 30, 40]) give(exposure(tick, at(tick)));
  await until(() => pending() === 0 && link.status().lastFrameAt !== null, "the frames are in");
  await new Promise(setImmediate);
  await expect(link.nextAfter(at(15), never)).rejects.toThrow("another part");
  expect(marks([await link.nextAfter(at(21), never)])).toEqual([30]);
});

test("a trigger that comes while frames are taken freely gets the next frame as well", async () => {
  const { source, give } = scripted(true);
  const link = await started(source);
  const frames = link.frames(never)[Symbol.asyncIterator]();
  const free = frames.next();
  const triggered = link.nextAfter(systemClock.tick(), never);
  give(exposure(7));
  expect(marks([(await free).value as CapturedFrame, await triggered])).toEqual([7, 7]);
});

test("a line that lags gets the newest live frame, and each one it missed is reported", async () => {
  const { source, give, pending } = scripted(true);
  const missed: CapturedFrame[] = [];
  const link = await started(source, {}, missed);
  const frames = link.frames(never)[Symbol.asyncIterator]();
  const first = frames.next();
  give(exposure(0));
  expect(marks([(await first).value as CapturedFrame])).toEqual([0]);
  for (const mark of [1, 2, 3]) give(exposure(mark));
  await until(() => pending() === 0 && missed.length === 2, "the newer frames have come");
  expect(marks([(await frames.next()).value as CapturedFrame])).toEqual([3]);
  expect(marks(missed)).toEqual([1, 2]);
  expect(link.status().missed).toBe(2);
});

test("every frame of a live camera is either taken or missed", async () => {
  const missed: CapturedFrame[] = [];
  const link = await started(camera(200), {}, missed);
  const taken: CapturedFrame[] = [];
  for await (const frame of link.frames(never)) {
    taken.push(frame);
    if (taken.length === 40) break;
    await systemClock.sleep(15);
  }
  await link.stop();
  expect(missed.length).toBeGreaterThan(0);
  const seqs = [...taken, ...missed].map(({ seq }) => seq).sort((one, other) => one - other);
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + (seqs[0] ?? 0)));
});

test("a source that waits is held back, two frames ahead at most, and its end ends the frames", async () => {
  const { source, give, pending } = scripted(false);
  for (let mark = 0; mark < 8; mark++) give(exposure(mark));
  give("end");
  const link = await started(source);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(pending()).toBeGreaterThanOrEqual(7);
  const taken: CapturedFrame[] = [];
  for await (const frame of link.frames(never)) taken.push(frame);
  expect(marks(taken)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(link.status()).toMatchObject({ state: "closed", missed: 0 });
  await expect(link.nextAfter(systemClock.tick(), never)).rejects.toThrow(/source has ended/);
});

test("a trigger on a source that waits takes its next file, captured then", async () => {
  const { source, give } = scripted(false);
  const link = await started(source);
  for (const mark of [1, 2]) give(exposure(mark));
  for (const mark of [1, 2]) {
    const tick = systemClock.tick();
    const frame = await link.nextAfter(tick, never);
    expect(marks([frame])).toEqual([mark]);
    expect(frame.capturedTick).toBeGreaterThanOrEqual(tick);
  }
});

test("waiting for the line does not make a file's frame look old", async () => {
  const { source, give } = scripted(false);
  const link = await started(source);
  give(exposure(1, (systemClock.tick() - 7) as MonotonicMs));
  await until(() => link.status().lastFrameAt !== null, "the frame is in");
  await systemClock.sleep(60);
  const { value } = await link.frames(never)[Symbol.asyncIterator]().next();
  const ageMs = systemClock.tick() - (value as CapturedFrame).capturedTick;
  expect(ageMs).toBeGreaterThanOrEqual(6.9);
  expect(ageMs).toBeLessThan(40);
});

test("a trigger is refused at once while the camera is lost, and served again after", async () => {
  const { source, give } = scripted(true);
  const link = await started(source, { retryFirstMs: 50 });
  const waiting = link.nextAfter(systemClock.tick(), never);
  give(new SightlineError("CAMERA_LOST", "cable pulled"));
  await expect(waiting).rejects.toThrow("cable pulled");
  await expect(link.nextAfter(systemClock.tick(), never)).rejects.toThrow("cable pulled");
  expect(link.status()).toMatchObject({
    state: "recovering",
    lastError: "the camera stopped delivering: cable pulled",
  });
  give(exposure(1));
  await until(() => link.status().state === "ready", "the camera is back");
  const next = link.nextAfter(systemClock.tick(), never);
  give(exposure(2));
  expect(marks([await next])).toEqual([2]);
});

test("a trigger gives up with its own signal and leaves nothing behind", async () => {
  const { source } = scripted(true);
  const link = await started(source);
  const deadline = new AbortController();
  const waiting = link.nextAfter(systemClock.tick(), deadline.signal);
  deadline.abort(new Error("deadline"));
  await expect(waiting).rejects.toThrow("deadline");
});

test("a camera program that is frozen is killed and replaced", async () => {
  const link = await started(camera(), { stallTimeoutMs: 300 });
  await until(() => link.status().state === "ready", "the camera is ready");
  const [frozen = 0] = await childrenRunning("gst-launch-1.0");
  process.kill(frozen, "SIGSTOP");
  await until(() => link.status().stalls === 1 && link.status().state === "ready", "a new program delivers");
  expect(await childrenRunning("gst-launch-1.0")).toHaveLength(1);
  expect(await childrenRunning("gst-launch-1.0")).not.toContain(frozen);
  expect(link.status().restarts).toBe(1);
  await link.stop();
  expect(await childPids()).toEqual([]);
});

test("a camera that never opens is a stall too, and is tried again after growing waits", async () => {
  const { source } = scripted(true);
  const link = await started(source, { openTimeoutMs: 40, retryFirstMs: 20, retryMaxMs: 60 });
  await until(() => link.status().restarts === 3, "three restarts");
  expect(link.status()).toMatchObject({ state: "recovering", framesPerSecond: 0 });
  expect(link.status().stalls).toBeGreaterThanOrEqual(3);
});

test("a watched folder may be silent for as long as it likes", async () => {
  const { source } = scripted(false);
  const link = await started({ ...source, idles: true }, { openTimeoutMs: 20, stallTimeoutMs: 20 });
  await systemClock.sleep(150);
  expect(link.status()).toMatchObject({ state: "opening", stalls: 0, restarts: 0 });
});

test("a missing program is named, tried again at leisure, and used once it is there", async () => {
  const source = videoSource(VideoSourceOptions.parse({ type: "video", path: "package.json" }), systemClock);
  const link = linkTo(source, { retryMissingProgramMs: 200, retryFirstMs: 1 });
  await withoutPrograms(async () => {
    await link.start();
    await until(() => link.status().lastError !== null, "the error is shown");
    expect(link.status().lastError).toBe(
      "a program is missing: ffmpeg was not found on PATH; install it with: sudo apt-get install ffmpeg",
    );
    await systemClock.sleep(50);
    expect(link.status().restarts).toBe(0);
  });
  await until(() => /delivers no video/.test(link.status().lastError ?? ""), "ffmpeg has been found");
  await link.stop();
});

test("where the first loss is to be the end, the frames throw it", async () => {
  const { source, give } = scripted(false);
  const link = await started(source, { whenLost: "end" });
  give(exposure(1));
  give(new SightlineError("CAMERA_UNAVAILABLE", "no such folder"));
  const taken: CapturedFrame[] = [];
  const all = (async () => {
    for await (const frame of link.frames(never)) taken.push(frame);
  })();
  await expect(all).rejects.toThrow("no such folder");
  expect(marks(taken)).toEqual([1]);
  expect(link.status().state).toBe("closed");
});

test("stopping ends a waiting consumer and a source that is held back", async () => {
  for (const live of [true, false]) {
    const { source, give } = scripted(live);
    const link = await started(source);
    if (!live) give(exposure(1));
    const waiting = live ? link.frames(never)[Symbol.asyncIterator]().next() : Promise.resolve({ done: true });
    await link.stop();
    expect((await waiting).done).toBe(true);
  }
});

test("the frame rate is that of the camera", async () => {
  const link = await started(camera(50));
  await until(() => link.status().framesPerSecond > 0, "frames have come");
  await systemClock.sleep(1500);
  expect(link.status().framesPerSecond).toBeGreaterThan(40);
  expect(link.status().framesPerSecond).toBeLessThan(60);
});
