import { readFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { messageOf } from "../../contracts/errors.ts";
import { assertSafeSqlite } from "../../pipeline/journal/ledger-schema.ts";
import { isClockSynced } from "../../platform/clock-sync.ts";
import { failure, fine, warning, type Check, type Finding } from "./finding.ts";

const LEAST_NODE_MAJOR = 24;
const LEAST_MEMORY_BYTES = 2e9;
const LEAST_FREE_MEMORY_BYTES = 500e6;

export const machineChecks: readonly Check[] = [
  { name: "node", look: async () => judgeNode(process.versions.node) },
  { name: "sqlite", look: async () => judgeSqlite(process.versions["sqlite"]) },
  {
    name: "processor",
    look: async () => judgeProcessor(await readFile("/proc/cpuinfo", "utf8").catch(() => ""), availableParallelism()),
  },
  { name: "memory", look: async () => judgeMemory(memoryBytes(), process.availableMemory()) },
  { name: "clock", look: async () => judgeClock(await isClockSynced()) },
];

export function judgeNode(version: string): Finding {
  if (Number(version.split(".")[0]) >= LEAST_NODE_MAJOR) return fine(`Node ${version}`);
  return failure(
    `Node ${version} is too old, ${LEAST_NODE_MAJOR} is needed`,
    "start it as `npx sightline …`, which brings its own Node",
  );
}

export function judgeSqlite(version: string | undefined): Finding {
  const remedy = "start it as `npx sightline …`, whose Node brings a newer one";
  if (version === undefined) return failure("this Node has no SQLite", remedy);
  try {
    assertSafeSqlite(version);
    return fine(`SQLite ${version}`);
  } catch (error) {
    return failure(messageOf(error), remedy);
  }
}

/** `cpuinfo`: the text of /proc/cpuinfo. int8 models need the dot-product instructions to be fast. */
export function judgeProcessor(cpuinfo: string, cores: number): Finding {
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/) ?? []);
  const dot = ["avx512_vnni", "avx_vnni", "asimddp", "i8mm"].filter((flag) => flags.has(flag));
  const sentence = `${cores} cores, int8 instructions: ${dot.length === 0 ? "none" : dot.join(", ")}`;
  if (cores < 2) return warning(sentence, "one core serves capture and inference in turn: give the device two or more");
  if (dot.length === 0)
    return warning(
      sentence,
      "int8 models run at about the speed of float32 here: measure with `sightline bench pipeline`",
    );
  return fine(sentence);
}

export function judgeMemory(totalBytes: number, freeBytes: number): Finding {
  const sentence = `${gigabytes(totalBytes)} memory, ${gigabytes(freeBytes)} available`;
  if (totalBytes < LEAST_MEMORY_BYTES || freeBytes < LEAST_FREE_MEMORY_BYTES) {
    return warning(sentence, "stop other programs or lower inference.processes; each takes 100 to 300 MB");
  }
  return fine(sentence);
}

/** A control group's limit counts; without one the kernel names a number larger than any memory, or 0. */
const memoryBytes = (): number => Math.min(totalmem(), process.constrainedMemory() || Infinity);

export const judgeClock = (synced: boolean): Finding =>
  synced
    ? fine("the clock is synchronised")
    : warning(
        "nothing here keeps the clock right, or it cannot be asked; verdicts say clockSynced: false",
        "sudo timedatectl set-ntp true, or install chrony and name the plant's time server",
      );

export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
