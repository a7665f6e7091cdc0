import { openFrameSource } from "./camera-config.ts";
import { ClockWatch } from "./clock-watch.ts";
import type { DeviceConfig } from "./device-config.ts";
import type { DeviceParts } from "./device-parts.ts";
import { Line, type BesidePart } from "./line.ts";
import { LineStatistics } from "./line-statistics.ts";
import { inferenceSlots, openEngine } from "./open-engine.ts";
import { RecipeBook, type RecipeBookOptions } from "./recipe-book.ts";
import { openRejectSignal } from "./reject-signal/open-reject-signal.ts";
import type { RejectSignal } from "./reject-signal/reject-signal.ts";
import { TriggerIntake } from "./trigger-intake.ts";
import { triggerOfFrame } from "./triggers/free-running.ts";
import { TriggerDesk } from "./triggers/trigger-desk.ts";
import type { Verdict } from "../contracts/verdict.ts";
import { CameraLink } from "../pipeline/capture/camera-link.ts";
import type { CapturedFrame } from "../pipeline/frame.ts";
import type { InferenceEngine } from "../pipeline/infer/inference-engine.ts";
import type { Journal } from "../pipeline/journal/journal.ts";
import type { Uplink } from "../pipeline/uplink/uplink.ts";
import { Listeners } from "../platform/listeners.ts";

export interface InspectionContext {
  readonly journal: Journal;
  readonly bootSeq: number;
  /** Parts undecided when it aborts become `shutdown` faults. */
  readonly shutdown: AbortSignal;
  /** Where hard cases go. */
  readonly uplink?: Uplink | undefined;
  /** Folders to load a recipe's model from, the best first. */
  readonly modelPaths?: RecipeBookOptions["modelPaths"];
  /** Gets each part with its picture after everybody else. */
  readonly beside?: (part: BesidePart) => void;
}

/** The inner half of a device: from the camera to the verdict. Knows nothing of brokers and pages. */
export interface Inspection {
  readonly engine: InferenceEngine;
  readonly recipes: RecipeBook;
  readonly camera: CameraLink;
  readonly rejectSignal: RejectSignal;
  readonly statistics: LineStatistics;
  readonly clockWatch: ClockWatch;
  readonly line: Line;
  readonly desk: TriggerDesk;
  readonly intake: TriggerIntake;
  /** Each verdict at its decision, in order, before it is on disk. */
  readonly decided: Listeners<Verdict>;
  /** The same without uploads: what the people at the line see. */
  readonly decidedOnLine: Listeners<Verdict>;
  /** Each verdict that the journal could not take. */
  readonly unrecorded: Listeners<Verdict>;
  /** A source that ends has ended. */
  readonly ended: Listeners<void>;
}

export function assembleInspection(config: DeviceConfig, parts: DeviceParts, context: InspectionContext): Inspection {
  const { clock, log, random } = parts;
  const { journal, bootSeq, shutdown, uplink } = context;
  const onListenerError = (error: unknown): void => log.error({ err: error }, "a listener failed");
  const decided = new Listeners<Verdict>(onListenerError);
  const decidedOnLine = new Listeners<Verdict>(onListenerError);
  const unrecorded = new Listeners<Verdict>(onListenerError);
  const ended = new Listeners<void>(onListenerError);
  const engine = openEngine({ ...config.inference, clock, log });
  const { activeRecipe, dataDirectory } = config;
  const { deadlineMs } = config.trigger;
  const { modelPaths, beside } = context;
  const recipes = new RecipeBook(
    {
      recipes: config.recipes,
      activeRecipe,
      deadlineMs,
      dataDirectory,
      ...(modelPaths === undefined ? {} : { modelPaths }),
    },
    { engine, log },
  );
  const source = parts.source ?? openFrameSource(config.camera, clock);
  const onMissed = (frame: CapturedFrame): void => {
    if (config.trigger.mode === "free") line.accept({ ...triggerOfFrame(frame, frame.capturedTick), refused: MISSED });
  };
  const cameraLog = log.child({ component: "camera" });
  const camera = new CameraLink(source, config.cameraLink, { clock, random, log: cameraLog, onMissed });
  const statistics = new LineStatistics();
  const clockWatch = new ClockWatch(clock);
  const line = new Line(
    {
      device: config.device,
      bootSeq,
      queueCapacity: config.trigger.queueCapacity,
      inferenceSlots: inferenceSlots(config.inference),
      shutdown,
      live: source.live,
    },
    {
      ...{ clock, log, engine, journal, recipes, statistics },
      clockSynced: () => clockWatch.synced,
      ...(uplink === undefined ? {} : { cases: uplink }),
      ...(beside === undefined ? {} : { beside }),
      onDecided: (verdict, { source, inOrder }) => {
        // Before all listeners: the gate waits for nobody. It never moves for an uploaded image: another part is there.
        if (source !== "upload") rejectSignal.signal(verdict, inOrder);
        decided.tell(verdict);
        if (source !== "upload") decidedOnLine.tell(verdict);
      },
      onUnrecorded: (verdict) => unrecorded.tell(verdict),
    },
  );
  const accept = line.accept.bind(line);
  const desk = new TriggerDesk({
    ...{ live: source.live, clock, journal, accept },
    deadlineMs: () => recipes.active?.deadlineMs ?? deadlineMs,
    nextFrameAfter: camera.nextAfter.bind(camera),
  });
  const intake = new TriggerIntake({
    ...{ mode: config.trigger.mode, live: source.live, clock, log, accept },
    frames: camera.frames.bind(camera),
    room: line.room.bind(line),
    pending: () => line.pending,
    onEnd: () => ended.tell(),
  });
  const isDeciding = (): boolean =>
    recipes.active !== undefined &&
    judgingEngine({ engine, recipes }).status().ready &&
    camera.status().state === "ready";
  const rejectLog = log.child({ component: "reject-signal" });
  const rejectSignal = openRejectSignal(config.rejectSignal, { clock, log: rejectLog, random, isDeciding });
  return {
    ...{ engine, recipes, camera, rejectSignal, statistics, clockWatch, line, desk, intake },
    ...{ decided, decidedOnLine, unrecorded, ended },
  };
}

/** What runs the active recipe: the device's engine, or that of a model on trial. */
export const judgingEngine = ({ engine, recipes }: Pick<Inspection, "engine" | "recipes">): InferenceEngine =>
  recipes.active?.engine ?? engine;

const MISSED = { reason: "overrun", detail: "the frame could not be taken in time" } as const;
