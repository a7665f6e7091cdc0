import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeDurably } from "../../platform/durable-file.ts";

const LoopRecord = z.strictObject({ schema: z.literal(1), turned: z.boolean() });

const pathIn = (directory: string): string => join(directory, "loop.json");

/** "turned": the line runs the model that the loop made; "broken-off": it was stopped in the midst; "new": neither. */
export async function readLoopRecord(directory: string): Promise<"turned" | "broken-off" | "new"> {
  const text = await readFile(pathIn(directory), "utf8").catch(() => null);
  if (text === null) return "new";
  return LoopRecord.parse(JSON.parse(text)).turned ? "turned" : "broken-off";
}

export const writeLoopRecord = (directory: string, turned: boolean): Promise<void> =>
  writeDurably(pathIn(directory), JSON.stringify({ schema: 1, turned }));

/**
 * Removes a demonstration; a folder that holds none stays. A loop that was broken off cannot go on: which parts passed
 * meanwhile nobody knows.
 */
export async function beginAnew(directory: string): Promise<void> {
  const isOurs = await access(join(directory, "hub", "demo-password")).then(
    () => true,
    () => false,
  );
  if (isOurs) await rm(directory, { recursive: true, force: true });
}
