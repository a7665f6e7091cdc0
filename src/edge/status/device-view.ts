import type { CommandReply } from "../../contracts/command.ts";
import type { DeviceState, LatencyPercentiles } from "../../contracts/device-state.ts";
import type { ReleaseReport } from "../../contracts/release-report.ts";
import type { TriggerRequest } from "../../contracts/trigger.ts";
import type { Verdict, VerdictKind } from "../../contracts/verdict.ts";
import type { Image } from "../../pipeline/frame.ts";
import type { z } from "zod";

/** One minute of the line's work, for the chart of yield and reject rate. */
export interface MinuteCounts {
  /** ISO 8601, start of the minute. */
  readonly minute: string;
  readonly counts: Readonly<Record<VerdictKind, number>>;
}

/** Body of `GET /api/v1/status`: everything the status page shows besides the latest verdict. */
export interface DeviceStatus {
  readonly device: string;
  readonly line: string;
  readonly version: string;
  readonly startedAt: string;
  readonly bootSeq: number;
  readonly state: DeviceState["state"];
  readonly problems: DeviceState["problems"];
  readonly recipe: string | null;
  readonly recipes: readonly string[];
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string } | null;
  readonly classes: readonly { readonly name: string; readonly kind: "good" | "defect" }[];
  readonly decision: { readonly passBelow: number; readonly rejectFrom: number } | null;
  readonly provider: string | null;
  readonly providerFallbacks: readonly { readonly provider: string; readonly reason: string }[];
  readonly trigger: "free" | "external";
  readonly camera: {
    readonly name: string;
    readonly state: string;
    readonly framesPerSecond: number;
    readonly restarts: number;
    readonly lastError: string | null;
    readonly widthPx: number | null;
    readonly heightPx: number | null;
  };
  readonly broker: {
    readonly url: string;
    readonly connected: boolean;
    readonly lastError: string | null;
    readonly backlog: number;
    /** Messages to the device that did not fit, since its start. */
    readonly unreadable: number;
  };
  /** Null where no hub has an address. */
  readonly hub: {
    readonly url: string;
    readonly enrolled: boolean;
    readonly connected: boolean;
    /** Hard cases on disk that the hub does not have yet, and the bytes of their images. */
    readonly waiting: number;
    readonly waitingBytes: number;
    /** Of the waiting, those the hub has declined. */
    readonly refused: number;
    readonly sent: number;
    /** Given up for lack of space. */
    readonly lost: number;
    /** Chosen and not kept, since this start. */
    readonly leftOut: number;
    /** Why nothing is sent now, in words, or null. */
    readonly hold: string | null;
    readonly sentence: string | null;
  } | null;
  /** Null where no releases are looked for. */
  readonly release:
    | (Pick<ReleaseReport, "active" | "candidate" | "last"> & {
        readonly sentence: string;
        readonly refusal: { readonly code: string; readonly sentence: string } | null;
      })
    | null;
  readonly journal: { readonly recording: boolean; readonly sentence: string | null; readonly bytes: number };
  readonly counts: Readonly<Record<VerdictKind, number>>;
  readonly triggers: number;
  readonly pendingTriggers: number;
  readonly latencyMs: z.infer<typeof LatencyPercentiles> | null;
  readonly inferenceRestarts: number;
  readonly history: readonly MinuteCounts[];
}

/** The frame of the latest verdict, for people: not every frame, the newest when asked. */
export interface LatestFrame {
  readonly verdict: Verdict;
  readonly image: Image;
  /** Class activation of the predicted defect class, row-major, 0 (cold) to 1 (hot); null on a fault. */
  readonly heatmap: { readonly values: Float32Array; readonly rows: number; readonly cols: number } | null;
}

/** What the HTTP server needs of the device; the composition root provides it. */
export interface DeviceView {
  status(): DeviceStatus;
  /** True when every trigger is judged: recipe loaded, golden frames reproduced, camera delivering. */
  ready(): boolean;
  latestFrame(): LatestFrame | undefined;
  latestVerdicts(limit: number): Promise<Verdict[]>;
  /** Answers with the verdict of the next frame exposed after the call. A repeated request id gets the same verdict. */
  trigger(request: TriggerRequest): Promise<Verdict>;
  /** Judges an uploaded image with the active recipe: a trigger like any other. `part` may be absent. */
  inspectImage(bytes: Uint8Array, part: string | undefined): Promise<Verdict>;
  flag(verdictId: string, note: string, by: string): Promise<CommandReply>;
  override(verdictId: string, verdict: "pass" | "reject", reason: string, by: string): Promise<CommandReply>;
  switchRecipe(recipe: string, by: string): Promise<CommandReply>;
  /** Calls `listener` for each new verdict of a part on the line (no upload), in order; the returned function ends it. */
  onVerdict(listener: (verdict: Verdict) => void): () => void;
  /** Lines of Prometheus text format. */
  metrics(): Promise<string>;
}
