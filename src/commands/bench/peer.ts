import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import type { Throughput } from "./throughput.ts";

const PeerLine = z.object({ fps: z.number(), p50_ms: z.number(), p99_ms: z.number() });

/** Runs another program on the same work; it prints one JSON line. */
export async function runPeer(command: string): Promise<Throughput> {
  try {
    const { stdout } = await promisify(execFile)("sh", ["-c", `${command} 2>/dev/null`]);
    const { fps, p50_ms, p99_ms } = PeerLine.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
    return { framesPerSecond: fps, p50Ms: p50_ms, p99Ms: p99_ms };
  } catch (error) {
    throw new SightlineError("USAGE", `--peer did not print {"fps":…,"p50_ms":…,"p99_ms":…}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
