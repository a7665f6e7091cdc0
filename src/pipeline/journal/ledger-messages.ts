import type { ErrorCode } from "../../contracts/errors.ts";
import type { AuditEntry, HubRow, LedgerRow, LedgerTrigger } from "./journal.ts";
import type { JournalOptions } from "./journal-options.ts";

/** A verdict as the ledger keeps it: the keys it is found by, and the very text that is published. */
export interface VerdictRow {
  readonly triggerId: string;
  readonly id: string;
  readonly bootSeq: number;
  readonly verdictSeq: number;
  readonly verdict: string;
  readonly part: string;
  readonly decidedAt: string;
  readonly json: string;
  /** For the hub, JSON; null: not known. */
  readonly statistics: string | null;
}

/** One change of the ledger. Applying it again changes nothing: a batch is repeated after a worker's crash. */
export type LedgerChange =
  | { readonly kind: "trigger"; readonly trigger: LedgerTrigger }
  | { readonly kind: "verdict"; readonly row: VerdictRow }
  | { readonly kind: "audit"; readonly id: string; readonly entry: AuditEntry }
  | { readonly kind: "sent"; readonly throughRow: number }
  | {
      readonly kind: "acknowledged";
      readonly bootSeq: number;
      readonly verdictSeq: number;
      /** The hub got them through the broker, so that this has taken them as well. */
      readonly behindBroker: boolean;
    }
  | { readonly kind: "resend" };

/** `refused`: another verdict of this trigger or number, or another trigger of this request, is there already. */
export type ChangeResult = "written" | "refused";

export interface LedgerFigures {
  readonly lastRow: number;
  readonly sentRow: number;
  readonly acknowledgedRow: number;
  readonly triggers: number;
  readonly verdicts: number;
  readonly bytes: number;
  readonly reserveHeld: boolean;
  /** What a person should know about the disk, or null. */
  readonly sentence: string | null;
}

/** From the journal to its worker. Times come along: the worker has no clock. */
export type LedgerRequest =
  | {
      readonly kind: "open";
      readonly options: JournalOptions;
      /** Null at the device's start: this counts a boot. The boot's number when a crashed worker is replaced. */
      readonly bootSeq: number | null;
      readonly atMs: number;
    }
  | { readonly kind: "write"; readonly changes: readonly LedgerChange[]; readonly atMs: number }
  | { readonly kind: "tidy"; readonly atMs: number }
  | { readonly kind: "latest"; readonly limit: number }
  | { readonly kind: "verdict"; readonly id: string }
  | { readonly kind: "request"; readonly requestId: string }
  | { readonly kind: "unsent"; readonly afterRow: number; readonly limit: number }
  | { readonly kind: "unacknowledged"; readonly afterRow: number; readonly limit: number }
  | { readonly kind: "close" };

export interface LedgerAnswers {
  open: { readonly bootSeq: number; readonly interrupted: readonly LedgerTrigger[]; readonly figures: LedgerFigures };
  write: { readonly results: readonly ChangeResult[]; readonly figures: LedgerFigures };
  tidy: { readonly figures: LedgerFigures };
  latest: readonly string[];
  verdict: string | null;
  request: { readonly triggerId: string; readonly json: string | null } | null;
  unsent: readonly LedgerRow[];
  unacknowledged: readonly HubRow[];
  close: null;
}

export interface LedgerQuestion {
  readonly call: number;
  /** A LedgerRequest as JSON. */
  readonly request: string;
}

export type LedgerReply =
  | { readonly call: number; readonly answer: LedgerAnswers[keyof LedgerAnswers] }
  | { readonly call: number; readonly error: { readonly code: ErrorCode; readonly detail: string } };
