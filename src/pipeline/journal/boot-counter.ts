import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { syncDirectory } from "../../platform/durable-file.ts";
import { dirname } from "node:path";

const DIGITS = 16;

/** The number of the last start, kept beside the database so that a set-aside database does not begin at 1 again. */
export function readBootCounter(path: string): number {
  try {
    const value = Number.parseInt(readFileSync(path, "utf8"), 10);
    return Number.isSafeInteger(value) && value > 0 ? value : 0;
  } catch {
    return 0;
  }
}

/** Overwrites in place, always the same few bytes of one sector: that also works when the disk is full. */
export async function writeBootCounter(path: string, bootSeq: number): Promise<void> {
  const known = readBootCounter(path) > 0;
  const file = openSync(path, known ? "r+" : "w");
  try {
    writeSync(file, `${String(bootSeq).padStart(DIGITS, "0")}\n`, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  if (!known) await syncDirectory(dirname(path));
}
