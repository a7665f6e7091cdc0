import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, MonotonicMs } from "../../platform/clock.ts";
import type { Exposure, Exposures } from "./frame-source.ts";
import { listImages, type ImageRoot } from "./image-folder.ts";

export interface WatchOptions {
  /** Reads and decodes one image of the folder; damage is an answer, not an error. */
  readonly read: (name: string) => Promise<Exposure>;
  /** Least time between two looks at the folder. */
  readonly scanMs: number;
  /** A file that nobody has written to for so long is tried. */
  readonly settleMs: number;
  /** A file that cannot be decoded may still be on its way; only after so long without a change is it damaged. */
  readonly patienceMs: number;
}

interface Growing {
  bytes: number;
  modifiedMs: number;
  stillSince: MonotonicMs;
  tried: boolean;
}

/**
 * Images that appear below the root after the first scan, once each, when they are complete.
 * It looks again and again instead of asking the kernel, because files that arrive over SMB or NFS cause no notice,
 * and a notice does not tell whether a file is complete either. The list of known names is that of the folder itself,
 * so that it shrinks when files are taken away.
 */
export async function* newImages(root: ImageRoot, options: WatchOptions, clock: Clock, signal: AbortSignal): Exposures {
  const done = new Set(await listImages(root));
  const growing = new Map<string, Growing>();
  for (;;) {
    const startedTick = clock.tick();
    await scan(root, done, growing, clock);
    // A large folder is scanned less often: never more than a fifth of the time.
    const restMs = Math.max(options.scanMs, 4 * (clock.tick() - startedTick));
    for (const [name, file] of growing) {
      const stillMs = clock.tick() - file.stillSince;
      const patient = stillMs < options.patienceMs;
      if (stillMs < options.settleMs || (file.tried && patient)) continue;
      const exposure = await options.read(name);
      file.tried = true;
      if (exposure.kind === "damaged" && patient) continue;
      growing.delete(name);
      done.add(name);
      yield exposure;
    }
    await clock.sleep(restMs, signal);
  }
}

/** Brings `growing` and `done` up to what is in the folder now. */
async function scan(root: ImageRoot, done: Set<string>, growing: Map<string, Growing>, clock: Clock): Promise<void> {
  const names = new Set(await listImages(root));
  for (const name of names) {
    if (!done.has(name) && !growing.has(name)) {
      growing.set(name, { bytes: -1, modifiedMs: 0, stillSince: clock.tick(), tried: false });
    }
  }
  for (const name of done) if (!names.has(name)) done.delete(name);
  for (const [name, file] of growing) {
    const now = names.has(name) ? await stat(join(root.folder, name)).catch(() => undefined) : undefined;
    if (now === undefined) growing.delete(name);
    else if (now.size !== file.bytes || now.mtimeMs !== file.modifiedMs) {
      Object.assign(file, { bytes: now.size, modifiedMs: now.mtimeMs, stillSince: clock.tick(), tried: false });
    }
  }
}
