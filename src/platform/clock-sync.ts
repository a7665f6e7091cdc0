import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const TIMEOUT_MS = 2000;

/** Whether a time service keeps the wall clock: systemd-timesyncd's marker, timedatectl or chrony. False when unknown. */
export async function isClockSynced(): Promise<boolean> {
  const marker = await access("/run/systemd/timesync/synchronized").then(
    () => true,
    () => false,
  );
  if (marker) return true;
  const said = async (program: string, args: string[], pattern: RegExp): Promise<boolean> =>
    run(program, args, { timeout: TIMEOUT_MS }).then(
      ({ stdout }) => pattern.test(stdout),
      () => false,
    );
  return (
    (await said("timedatectl", ["show", "--property=NTPSynchronized", "--value"], /^yes/)) ||
    (await said("chronyc", ["tracking"], /^Leap status\s*:\s*Normal/m))
  );
}
