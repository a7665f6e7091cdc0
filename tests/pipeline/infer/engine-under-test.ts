import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { SightlineError, type ErrorCode } from "../../../src/contracts/errors.ts";
import { decodeImage } from "../../../src/imaging/decode-image.ts";
import { preprocess } from "../../../src/pipeline/preprocess/preprocess.ts";
import { ProcessEngine, type ProcessEngineOptions } from "../../../src/pipeline/infer/process-engine.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { TINY_BUNDLE } from "./tiny-bundle-path.ts";

/** An engine with real processes, stopped when the test ends. */
export function engineUnderTest(options: Partial<ProcessEngineOptions> = {}, log = silentLogger): ProcessEngine {
  const engine = new ProcessEngine(
    { processes: 1, threadsPerProcess: 1, provider: "cpu", ...options },
    { clock: systemClock, log, preprocess },
  );
  onTestFinished(() => engine.stop());
  return engine;
}

export type SpotName = "good" | "dark-spot" | "bright-spot";
export const CLASS_NAMES: readonly SpotName[] = ["good", "dark-spot", "bright-spot"];

/** Pixels of a golden frame of the tiny bundle: 32 x 32 x 3. */
export async function partPixels(name: SpotName): Promise<Uint8Array> {
  const decoded = await decodeImage(await readFile(join(TINY_BUNDLE, `golden/${name}.png`)));
  if (!decoded.ok) throw new Error(decoded.detail);
  return preprocess(decoded.image, [{ xPx: 0, yPx: 0, widthPx: 32, heightPx: 32 }], { widthPx: 32, heightPx: 32 });
}

/** The SightlineError a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<SightlineError> {
  const error = await promise.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SightlineError)) throw error;
  return error;
}

export const codeOf = async (promise: Promise<unknown>): Promise<ErrorCode> => (await errorOf(promise)).code;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves once `condition` holds; polls, for a process has no event to tell that its grandchild is gone. */
export async function until(condition: () => boolean, what: string, limitMs = 20_000): Promise<void> {
  const startedTick = systemClock.tick();
  while (!condition()) {
    if (systemClock.tick() - startedTick > limitMs) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await systemClock.sleep(5);
  }
}
