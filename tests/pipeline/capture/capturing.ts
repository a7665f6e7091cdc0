import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { CameraLink, CameraLinkOptions } from "../../../src/pipeline/capture/camera-link.ts";
import type { Exposure, FrameSource } from "../../../src/pipeline/capture/frame-source.ts";
import type { CapturedFrame, Frame } from "../../../src/pipeline/frame.ts";

export const run = promisify(execFile);

/** The first `count` exposures of a source; then its iterator is ended, as an abort would. */
export async function take(source: FrameSource, count: number): Promise<Exposure[]> {
  const taken: Exposure[] = [];
  const stop = new AbortController();
  try {
    for await (const exposure of source.exposures(stop.signal)) {
      taken.push(exposure);
      if (taken.length === count) break;
    }
  } finally {
    stop.abort();
  }
  return taken;
}

export function asFrame(exposure: Exposure | CapturedFrame | undefined): Omit<Frame, "seq"> {
  if (exposure?.kind !== "frame") throw new Error(`not a frame: ${JSON.stringify(exposure)}`);
  return exposure;
}

export const sizeOf = (exposure: Exposure | CapturedFrame | undefined): string => {
  const { widthPx, heightPx, channels } = asFrame(exposure).image;
  return `${widthPx}x${heightPx}x${channels}`;
};

export function linkTo(
  source: FrameSource,
  options: Partial<CameraLinkOptions> = {},
  missed: CapturedFrame[] = [],
): CameraLink {
  return new CameraLink(source, CameraLinkOptions.parse({ retryFirstMs: 20, ...options }), {
    clock: systemClock,
    random: seededRandom(1),
    log: silentLogger,
    onMissed: (frame) => void missed.push(frame),
  });
}

/** Process ids of this process's direct children, zombies included. */
export async function childPids(): Promise<number[]> {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, "utf8");
  return children
    .split(" ")
    .filter((pid) => pid !== "")
    .map(Number);
}

/** Children that run `program`. */
export async function childrenRunning(program: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await childPids()) {
    const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
    if (name.trim() === program.slice(0, 15)) found.push(pid);
  }
  return found;
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await systemClock.sleep(10);
  }
}

/** Makes PATH empty for `action`. */
export async function withoutPrograms(action: () => Promise<void>): Promise<void> {
  const path = process.env["PATH"];
  process.env["PATH"] = "";
  try {
    await action();
  } finally {
    process.env["PATH"] = path;
  }
}
