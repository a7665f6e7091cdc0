import type { HardCaseUpload, LostCase } from "../../contracts/hub-case.ts";

export interface SpoolOptions {
  /** Folder of its own: `spool.sqlite` and `images/`. */
  readonly directoryPath: string;
  /** Everything the folder may take on the disk. */
  readonly maxBytes: number;
  /** Left free on the disk for others, verdicts above all. */
  readonly leaveFreeBytes: number;
}

/** A case as it waits: everything but its image, which is a file named by its hash. */
export interface WaitingCase {
  readonly row: number;
  /** Rises when something is added to a case that waits: who sent an older one has not sent this. */
  readonly revision: number;
  readonly refusals: number;
  /** Ids of the hub's sampling rules that drew it. */
  readonly orders: readonly string[];
  /** The hub has it and its image; only what is said of it has become more. */
  readonly isAtHub: boolean;
  readonly upload: HardCaseUpload;
}

export interface SpoolFigures {
  readonly cases: number;
  /** Of the images that wait. */
  readonly bytes: number;
  readonly oldestAtMs: number | null;
  /** Cases the hub has declined at least once; they are tried again, seldom. */
  readonly refused: number;
  /** Since this spool was begun. */
  readonly sentCases: number;
  readonly sentBytes: number;
  readonly lostCases: number;
  /** Lost cases the hub has not been told of yet. */
  readonly untold: number;
  /** How many of the waiting each of the hub's sampling rules has drawn. */
  readonly drawn: Readonly<Record<string, number>>;
  /** What was sent on the newest day something was sent. */
  readonly day: string;
  readonly dayCases: number;
  readonly dayBytes: number;
}

export interface NextQuestion {
  readonly atMs: number;
  /** Larger images do not fit into today's budget. */
  readonly mostBytes: number;
}

export type SpoolRequest =
  | { readonly kind: "open"; readonly options: SpoolOptions; readonly atMs: number }
  | {
      readonly kind: "add";
      readonly upload: HardCaseUpload;
      readonly priority: number;
      readonly orders: readonly string[];
      readonly atMs: number;
    }
  | {
      readonly kind: "giveUp";
      readonly upload: HardCaseUpload;
      readonly cause: LostCase["cause"];
      readonly atMs: number;
    }
  | { readonly kind: "merge"; readonly id: string; readonly addition: CaseAddition }
  | ({ readonly kind: "next" } & NextQuestion)
  | { readonly kind: "image"; readonly id: string; readonly atMs: number }
  | {
      readonly kind: "sent";
      readonly id: string;
      readonly revision: number;
      readonly day: string;
      readonly bytes: number;
    }
  /** What was taken with `next` is not being sent any more. */
  | { readonly kind: "release" }
  | { readonly kind: "refused"; readonly id: string; readonly notBeforeMs: number }
  | { readonly kind: "tidy"; readonly atMs: number }
  | { readonly kind: "untold"; readonly limit: number }
  | { readonly kind: "told"; readonly throughRow: number }
  | { readonly kind: "keep"; readonly key: string; readonly json: string }
  | { readonly kind: "kept"; readonly key: string }
  | { readonly kind: "close" };

/** What a person or another reason adds to a case that waits or was sent. */
export interface CaseAddition {
  readonly reasons: HardCaseUpload["reasons"];
  readonly metadata: HardCaseUpload["metadata"];
  readonly priority: number;
}

export interface Opening {
  /** Rows whose image was not there any more. */
  readonly lost: readonly LostCase[];
  /** Images without a row: of a crash between the two. They are removed. */
  readonly orphans: number;
  /** Where a damaged spool was put aside, or null. */
  readonly setAside: string | null;
}

export interface Added {
  /** `merged`: the case waits or was sent already; `lost`: there was no room for it. */
  readonly outcome: "added" | "merged" | "lost";
  /** Given up for lack of room, this one included where it was. */
  readonly lost: readonly LostCase[];
}

export interface SpoolAnswers {
  open: Opening;
  add: Added;
  giveUp: LostCase;
  /** Where the case is that now says more; `absent`: neither here nor, as far as is remembered, at the hub. */
  merge: "waiting" | "sent" | "absent";
  next: WaitingCase | null;
  /** The image's bytes, checked against its hash; null where the disk has lost them: the case is then given up. */
  image: Uint8Array | null;
  sent: null;
  release: null;
  refused: null;
  /** Given up since the disk is nearly full. */
  tidy: readonly LostCase[];
  untold: { readonly throughRow: number; readonly lost: readonly LostCase[] };
  told: null;
  keep: null;
  kept: string | null;
  close: null;
}

export interface SpoolQuestion {
  readonly call: number;
  readonly request: SpoolRequest;
  /** Of `add`: the encoded image. */
  readonly bytes?: Uint8Array;
}

export type SpoolReply =
  | { readonly call: number; readonly answer: SpoolAnswers[keyof SpoolAnswers]; readonly figures: SpoolFigures }
  | { readonly call: number; readonly error: string };
