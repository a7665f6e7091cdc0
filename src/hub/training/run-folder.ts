import { cp, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Where `train --out OUT` keeps what an interrupted run goes on from. */
const POSITIONS = "out.training";

export interface RunFolder {
  readonly path: string;
  readonly data: string;
  readonly certify: string;
  readonly base: string;
  readonly out: string;
  /** An earlier run left something to go on from. */
  readonly resumes: boolean;
}

/**
 * A folder for one lease of a job, ROOT/JOB/TOKEN: a worker that was given up may still be writing into its own. What the last
 * one kept of the run is copied.
 */
export async function openRunFolder(
  root: string,
  { jobId, token, resumeOf }: { readonly jobId: string; readonly token: number; readonly resumeOf: string | null },
): Promise<RunFolder> {
  const path = join(root, jobId, String(token));
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  const before =
    (await newestPositions(join(root, jobId), token)) ??
    (resumeOf === null ? null : await newestPositions(join(root, resumeOf), Infinity));
  if (before !== null) await cp(before, join(path, POSITIONS), { recursive: true });
  return {
    ...{ path, data: join(path, "data"), certify: join(path, "certify"), base: join(path, "base") },
    ...{ out: join(path, "out"), resumes: before !== null },
  };
}

async function newestPositions(jobFolder: string, belowToken: number): Promise<string | null> {
  const tokens = (await readdir(jobFolder).catch(() => []))
    .map(Number)
    .filter((token) => Number.isInteger(token) && token < belowToken)
    .sort((one, other) => other - one);
  for (const token of tokens) {
    const path = join(jobFolder, String(token), POSITIONS);
    if ((await readdir(path).catch(() => [])).some((name) => name.endsWith(".position"))) return path;
  }
  return null;
}

/** What is only needed while the run lasts; the bundle and what a resumed run needs stay. */
export async function clearRunFolder({ data, certify, base }: RunFolder): Promise<void> {
  for (const path of [data, certify, base]) await rm(path, { recursive: true, force: true });
}

/** Removes folders of jobs that nobody touched since `before` (Unix ms), except of `running` ones. */
export async function removeOldRuns(root: string, before: number, running: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(root).catch(() => [])) {
    if (!/^[0-9a-f-]{36}$/.test(name) || running.has(name)) continue;
    const path = join(root, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && found.mtimeMs < before) await rm(path, { recursive: true, force: true });
  }
}
