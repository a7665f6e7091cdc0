import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import type { RepositoryFolder } from "./repository-folder.ts";

/**
 * One process at a time changes a folder of releases: the hub that refreshes and a person who signs would take the same
 * version number. The lock names its process and is taken over when that is gone.
 */
export async function exclusively<T>(folder: RepositoryFolder, work: () => Promise<T>): Promise<T> {
  await mkdir(folder.path, { recursive: true });
  const lockPath = join(folder.path, "changing.lock");
  const minePath = `${lockPath}.${process.pid}`;
  await writeFile(minePath, `${process.pid}`);
  try {
    // A link appears with its content, so nobody ever reads a lock that does not name its owner yet.
    await link(minePath, lockPath).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
      const owner = Number(await readFile(lockPath, "utf8").catch(() => ""));
      if (isAlive(owner)) {
        throw new SightlineError(
          "USAGE",
          `process ${owner} is changing ${folder.path}; wait for it, or remove ${lockPath} if it is of another machine`,
        );
      }
      await rm(lockPath, { force: true });
      await link(minePath, lockPath);
    });
  } finally {
    await rm(minePath, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(lockPath, { force: true });
  }
}

function isAlive(owner: number): boolean {
  if (!Number.isSafeInteger(owner) || owner <= 0) return false;
  try {
    process.kill(owner, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
