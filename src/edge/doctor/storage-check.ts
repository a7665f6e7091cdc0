import { mkdir, rm, rmdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { writeDurably } from "../../platform/durable-file.ts";
import type { DeviceConfig } from "../device-config.ts";
import { failure, fine, warning, type Finding } from "./finding.ts";
import { gigabytes } from "./machine-checks.ts";

/** By the magic number of statfs(2). */
const UNSUITABLE_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0x01021994: "tmpfs, which is empty after a restart",
  0x858458f6: "ramfs, which is empty after a restart",
  0x794c7630: "an overlay, which a container loses when it is replaced",
  0x6969: "NFS, on which SQLite's log is not safe",
  0xff534d42: "CIFS, on which SQLite's log is not safe",
  0xfe534d42: "SMB, on which SQLite's log is not safe",
  0x4d44: "FAT, which a power cut damages",
};
const SLOW_SYNC_MS = 100;

/** Writable, durable, large enough? Writes and removes one small file; leaves no folder behind that was not there. */
export async function checkStorage({ dataDirectory, journal }: DeviceConfig, clock: Clock): Promise<Finding> {
  const { existing, missing } = await missingFolders(dataDirectory);
  const syncMs = await timeWrite(dataDirectory, missing, clock).catch((error: unknown) => messageOf(error));
  if (typeof syncMs === "string") {
    return failure(
      `${dataDirectory} cannot be written: ${syncMs}`,
      "give the folder to the user that runs the device (chown), or change dataDirectory",
    );
  }
  const { type, bavail, bsize } = await statfs(existing);
  const freeBytes = bavail * bsize;
  const facts = `${dataDirectory}: ${gigabytes(freeBytes)} free, a durable write takes ${syncMs.toFixed(0)} ms`;
  if (freeBytes < 2 * journal.reserveBytes) {
    return failure(facts, `free at least ${gigabytes(2 * journal.reserveBytes)}, or verdicts cannot be recorded`);
  }
  const unsuitable = UNSUITABLE_FILE_SYSTEMS[type];
  if (unsuitable !== undefined)
    return warning(`${facts}; it is on ${unsuitable}`, "put dataDirectory on a local disk (ext4, xfs)");
  if (freeBytes < journal.maxBytes) {
    return warning(
      `${facts}, less than the journal's quota of ${gigabytes(journal.maxBytes)}`,
      "free some, or lower journal.maxBytes",
    );
  }
  if (syncMs > SLOW_SYNC_MS) return warning(facts, "this disk is slow: use an SSD or NVMe drive instead of an SD card");
  return fine(facts);
}

/** The folders on the way to `path` that are not there, outermost first, and the one above them. */
async function missingFolders(
  path: string,
): Promise<{ readonly existing: string; readonly missing: readonly string[] }> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere || dirname(path) === path) return { existing: path, missing: [] };
  const above = await missingFolders(dirname(path));
  return { existing: above.existing, missing: [...above.missing, path] };
}

async function timeWrite(folder: string, missing: readonly string[], clock: Clock): Promise<number> {
  const path = join(folder, `doctor-${process.pid}`);
  const made: string[] = [];
  try {
    // One by one: Node's recursive mkdir never returns on file systems such as /proc.
    for (const each of missing) {
      await mkdir(each);
      made.push(each);
    }
    const startedTick = clock.tick();
    await writeDurably(path, "written by sightline doctor\n");
    return clock.tick() - startedTick;
  } finally {
    await rm(path, { force: true }).catch(() => undefined); // the write above has failed then, and says why
    for (const each of made.reverse()) await rmdir(each);
  }
}
