import type { Verdict } from "../../contracts/verdict.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";

/** Counters are of this boot. */
export interface RejectSignalStatus {
  readonly type: "none" | "modbus" | "gpio";
  readonly connected: boolean;
  /** What is wrong and what to do, for people; null when nothing is. */
  readonly sentence: string | null;
  /** Passes that were put on the wire in time. */
  readonly passCount: number;
  /** Passes that were not, or came out of order: those parts are rejected. */
  readonly missedPassCount: number;
  /** Verdicts that came while the pulse of the pass before still stood: pulses are too long for the line. */
  readonly overlapCount: number;
  /** Writes that took longer than a pulse. */
  readonly lateWriteCount: number;
  readonly restartCount: number;
}

/**
 * The wire to the reject gate. Energised means `pass`; everything else (reject, review, fault, a lost connection, a
 * crash, a cut cable) is de-energised, and the gate rejects. Not a safety function (ISO 13849).
 */
export interface RejectSignal {
  readonly name: string;
  /** Resolves at once: a signal that cannot be reached is retried, and every part is rejected meanwhile. */
  start(): Promise<void>;
  /** De-energises. */
  stop(): Promise<void>;
  /**
   * At the decision: returns at once, never throws, waits for neither disk nor network; the newest verdict wins. A pass
   * that was not decided in the order of the parts energises nothing: the pulse would stand in another part's window.
   */
  signal(verdict: Verdict, inOrder: boolean): void;
  status(): RejectSignalStatus;
}

export interface RejectSignalParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 to 1, for the jitter between two attempts to connect. */
  readonly random: () => number;
  /** Asked at every heartbeat: would a part that comes now be judged? The heartbeat stands still while not. */
  readonly isDeciding: () => boolean;
}
