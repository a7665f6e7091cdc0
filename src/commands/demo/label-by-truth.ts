import type { Clock } from "../../platform/clock.ts";
import type { LineSettings } from "../../simulation/line-settings.ts";
import type { DemoPerson } from "./demo-hub.ts";
import { HubVisitor } from "./hub-visitor.ts";
import type { LoopDesk } from "./loop-desk.ts";
import { truthOf } from "./truth-tally.ts";

const EVERY_MS = 2000;

export interface TruthLabelling {
  readonly hubUrl: string;
  /** Labels are given under this name, which says where they come from. */
  readonly simulator: DemoPerson;
  readonly line: Pick<LineSettings, "seed" | "defectRate" | "classMix">;
  readonly desk: LoopDesk;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Labels every case as it comes in with what the simulator knows of its part. Until `signal` aborts. */
export async function labelByTruth({ hubUrl, simulator, line, desk, clock, signal }: TruthLabelling): Promise<void> {
  const labeller = await HubVisitor.signIn(hubUrl, simulator);
  while (!signal.aborted) {
    const { cases } = await desk.unlabelled(labeller);
    for (const { id, part } of cases) {
      const truth = truthOf(line, part);
      if (truth !== null && !signal.aborted) await desk.label(labeller, id, truth);
    }
    await clock.sleep(EVERY_MS, signal).catch(() => undefined); // rejects only when aborted
  }
}
