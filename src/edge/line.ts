import { messageOf } from "../contracts/errors.ts";
import type { CaseMetadata } from "../contracts/hub-case.ts";
import type { ImageStatistics } from "../contracts/image-statistics.ts";
import type { TriggerSource } from "../contracts/trigger.ts";
import type { FaultReason, Verdict } from "../contracts/verdict.ts";
import type { FrameStatistics } from "../imaging/frame-statistics.ts";
import { answer } from "../pipeline/answer.ts";
import type { CapturedFrame, Image } from "../pipeline/frame.ts";
import type { InferenceEngine } from "../pipeline/infer/inference-engine.ts";
import { BatchPool } from "../pipeline/preprocess/batch-pool.ts";
import { inspect, type InspectionOutcome, type InspectionRecord } from "../pipeline/inspect.ts";
import type { Journal, LedgerTrigger } from "../pipeline/journal/journal.ts";
import { NOTHING_SEEN, type Sight } from "../pipeline/uplink/case-reasons.ts";
import type { CaseChoice } from "../pipeline/uplink/choose-case.ts";
import type { Uplink } from "../pipeline/uplink/uplink.ts";
import { toIso, type Clock, type MonotonicMs, type WallClockMs } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import { Slots } from "../platform/slots.ts";
import { uuidv7 } from "../platform/uuid.ts";
import { FaultLog } from "./fault-log.ts";
import type { LineStatistics } from "./line-statistics.ts";
import { RecipeStages, type FrameMemory } from "./recipe-stages.ts";
import type { Recipe } from "./recipe.ts";
import type { LatestFrame } from "./status/device-view.ts";
import { composeVerdict } from "./compose-verdict.ts";
import { imageStatisticsOf } from "./image-statistics.ts";
import { TriggerOrder } from "./trigger-order.ts";

/** A trigger as one of the trigger sources hands it over. */
export interface IncomingTrigger {
  readonly source: TriggerSource;
  readonly requestId: string | null;
  /** Made from boot and trigger number when undefined. */
  readonly part: string | undefined;
  readonly deadlineMs: number | undefined;
  /** When the part was in view, monotonic; the deadline and the latency count from here. */
  readonly receivedTick: MonotonicMs;
  readonly capture: (signal: AbortSignal) => Promise<CapturedFrame>;
  /** Known where the frame itself is the trigger: then a refused part, too, says which frame it was. */
  readonly frame?: CapturedFrame;
  /** What the sender knows of the part besides: sensor readings. */
  readonly readings?: CaseMetadata | undefined;
  /** Set when the part cannot be judged any more: it gets this fault at once. */
  readonly refused?: { readonly reason: FaultReason; readonly detail: string };
}

export interface AcceptedTrigger {
  /** Resolves when the trigger is on disk. */
  readonly recorded: Promise<void>;
  /** Resolves when the verdict is on disk; never rejects. */
  readonly verdict: Promise<Verdict>;
}

export interface LineOptions {
  readonly device: string;
  readonly bootSeq: number;
  /** Parts, and apart from them uploads, that may be undecided at once; one more is answered with `fault: overrun`. */
  readonly queueCapacity: number;
  /** Inferences in flight at once. */
  readonly inferenceSlots: number;
  readonly shutdown: AbortSignal;
  /** The source is a camera, not a folder of files. */
  readonly live: boolean;
}

export interface LineCollaborators {
  readonly clock: Clock;
  readonly log: Logger;
  readonly engine: InferenceEngine;
  readonly journal: Journal;
  readonly recipes: { readonly active: Recipe | undefined };
  readonly statistics: LineStatistics;
  readonly clockSynced: () => boolean;
  /** Called at the decision, in the order of `verdictSeq`, before the disk has it: the reject signal hangs here. */
  readonly onDecided: (verdict: Verdict, part: DecidedPart) => void;
  /** Takes frames worth a person's look; absent where there is no hub. */
  readonly cases?: CaseTaker;
  /** How unusual a frame is to its model; null: unknown. Within a tenth of a millisecond. */
  readonly outlook?: (recipe: Recipe, embedding: Float32Array) => Pick<Sight, "furtherOut" | "sketch"> | null;
  /** Gets each part with its picture after everybody else; returns at once. */
  readonly beside?: (part: BesidePart) => void;
  /** Called when the journal could not take the verdict. */
  readonly onUnrecorded: (verdict: Verdict) => void;
}

/** Of the uplink, what the line needs. Neither may take long: they stand between the decision and the reject signal. */
export type CaseTaker = Pick<Uplink, "choose" | "decided">;

/** A decided part of the line, for whoever looks at it again: a model that is tried in the shadow. */
export interface BesidePart {
  readonly verdict: Verdict;
  /** Null where no picture came. The pixels are the camera's own: read, never written. */
  readonly image: Image | null;
  readonly recipe: Recipe;
  /** Undefined for a part that never came to the sanity gate. */
  readonly statistics: FrameStatistics | undefined;
  /** Of the worst region; null on a fault. A view of the inference's own memory. */
  readonly embedding: Float32Array | null;
}

export interface DecidedPart {
  readonly source: TriggerSource;
  /** Every part that arrived earlier is decided, and none that arrived later. */
  readonly inOrder: boolean;
}

/** Turns triggers into verdicts: exactly one for each, whatever happens. */
export class Line {
  readonly #options: LineOptions;
  readonly #with: LineCollaborators;
  /** Of each engine its own: what hangs in one keeps no part from another. */
  readonly #slots = new WeakMap<InferenceEngine, Slots>();
  readonly #batches = new BatchPool();
  readonly #memory: FrameMemory = { previous: undefined };
  readonly #log: Logger;
  readonly #faults: FaultLog;
  readonly #order = new TriggerOrder();
  readonly #pending = { parts: 0, uploads: 0 };
  /** An upload holds a decoded image of any size and an inference slot: one at a time, so that parts hardly feel it. */
  readonly #uploadSlot = new Slots(1);
  #triggerSeq = 0;
  #verdictSeq = 0;
  #latest: LatestFrame | undefined;
  readonly #roomWaiters: (() => void)[] = [];

  constructor(options: LineOptions, collaborators: LineCollaborators) {
    this.#options = options;
    this.#with = collaborators;
    this.#log = collaborators.log.child({ component: "line" });
    this.#faults = new FaultLog(collaborators.clock, this.#log);
  }

  get pending(): number {
    return this.#pending.parts + this.#pending.uploads;
  }

  /** Of the parts on the line; an upload is shown to who sent it. */
  get latest(): LatestFrame | undefined {
    return this.#latest;
  }

  /** Resolves when a trigger would not be refused as overrun, or `signal` aborts: for sources that can wait. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#pending.parts >= this.#options.queueCapacity && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          signal.removeEventListener("abort", go);
          resolve();
        };
        this.#roomWaiters.push(go);
        signal.addEventListener("abort", go, { once: true });
      });
    }
  }

  accept(trigger: IncomingTrigger): AcceptedTrigger {
    const { clock, journal, statistics } = this.#with;
    const now = clock.wallNow();
    const triggerId = uuidv7(now);
    const part = trigger.part ?? `${this.#options.device}-${this.#options.bootSeq}-${++this.#triggerSeq}`;
    statistics.triggers++;
    const recorded = journal.recordTrigger({
      triggerId,
      requestId: trigger.requestId,
      part,
      source: trigger.source,
      receivedAt: toIso(now),
    });
    return { recorded, verdict: this.#judge(trigger, triggerId, part) };
  }

  /** Answers triggers that an earlier boot left without a verdict. */
  async answerInterrupted(triggers: readonly LedgerTrigger[]): Promise<void> {
    const outcome: InspectionOutcome = { kind: "fault", reason: "interrupted", detail: "the device restarted" };
    await Promise.all(
      triggers.map(({ triggerId, part, source }) => {
        this.#with.statistics.triggers++;
        this.#pending[queueOf(source)]++;
        return this.#conclude({ triggerId, part, source, outcome, receivedTick: this.#with.clock.tick() });
      }),
    );
  }

  async #judge(trigger: IncomingTrigger, triggerId: string, part: string): Promise<Verdict> {
    const { clock, recipes } = this.#with;
    const { receivedTick, source, readings } = trigger;
    const recipe = recipes.active;
    const record = recordOf(trigger.frame);
    if (source !== "upload") this.#order.arrived(triggerId, receivedTick);
    const refused = trigger.refused ?? this.#refusal(source, recipe);
    this.#pending[queueOf(source)]++;
    if (refused !== undefined || recipe === undefined) {
      const outcome: InspectionOutcome = { kind: "fault", ...(refused ?? NO_RECIPE) };
      return this.#conclude({ triggerId, part, source, receivedTick, record, outcome, readings });
    }
    const stages = new RecipeStages(recipe, {
      engine: this.#with.engine,
      slots: this.#slotsOf(recipe.engine ?? this.#with.engine),
      batches: this.#batches,
      memory: this.#memory,
      capture: trigger.capture,
      live: this.#options.live && source !== "upload",
      onStatistics: (statistics) => (record.statistics = statistics),
    });
    const dueTick = (receivedTick + (trigger.deadlineMs ?? recipe.deadlineMs)) as MonotonicMs;
    const outcome = await answer({ clock, dueTick, shutdown: this.#options.shutdown }, async (signal) => {
      const release = source === "upload" ? await this.#uploadSlot.acquire(signal) : () => undefined;
      return inspect(stages, { clock, record, signal }).finally(release);
    });
    return this.#conclude({ triggerId, part, source, receivedTick, record, outcome, recipe, readings });
  }

  #slotsOf(engine: InferenceEngine): Slots {
    const known = this.#slots.get(engine);
    if (known !== undefined) return known;
    const slots = new Slots(this.#options.inferenceSlots);
    this.#slots.set(engine, slots);
    return slots;
  }

  #refusal(source: TriggerSource, recipe: Recipe | undefined): { reason: FaultReason; detail: string } | undefined {
    const queue = queueOf(source);
    if (this.#pending[queue] >= this.#options.queueCapacity) {
      return { reason: "overrun", detail: `${this.#pending[queue]} ${queue} are waiting already` };
    }
    return recipe === undefined ? NO_RECIPE : undefined;
  }

  /** The one place where a verdict comes into being. Everything up to the journal's queue happens in one turn. */
  async #conclude(proposed: Concluded): Promise<Verdict> {
    const { journal, statistics, onDecided, onUnrecorded } = this.#with;
    const { verdict, concluded, choice } = this.#chosen(this.#compose(proposed));
    const inOrder = this.#order.decided(concluded.triggerId);
    this.#pending[queueOf(concluded.source)]--;
    const recording = journal.recordVerdict(concluded.triggerId, verdict, looksOf(concluded));
    statistics.observe(verdict);
    this.#remember(verdict, concluded);
    if (concluded.outcome.kind === "fault") this.#faults.observe(verdict, concluded.outcome.detail);
    this.#tell(() => onDecided(verdict, { source: concluded.source, inOrder }));
    this.#tell(() => this.#handOver({ verdict, concluded }, choice, recording));
    this.#tell(() => this.#showBeside(verdict, concluded));
    this.#roomWaiters.shift()?.();
    // "refused" cannot be: a trigger comes here once.
    if ((await recording) === "unrecorded") this.#tell(() => onUnrecorded(verdict));
    return verdict;
  }

  /** Whether the frame goes to the hub is settled with the verdict, which says so. */
  #chosen({ verdict, concluded }: Composed): Composed & { readonly choice: CaseChoice | null } {
    const { cases } = this.#with;
    let choice: CaseChoice | null = null;
    // Of an uploaded image nobody knows what it shows: masks are drawn for the camera's frames.
    if (cases !== undefined && concluded.record?.frame?.kind === "frame" && concluded.source !== "upload")
      this.#tell(() => (choice = cases.choose(verdict, layersOf(concluded), this.#sightOf(concluded))));
    return { concluded, ...withChoice(verdict, choice) };
  }

  #sightOf({ outcome, recipe }: Concluded): Sight {
    const { outlook } = this.#with;
    if (outcome.kind === "fault" || recipe === undefined || outlook === undefined) return NOTHING_SEEN;
    return { ...NOTHING_SEEN, ...outlook(recipe, outcome.decision.embedding) };
  }

  #handOver(
    { verdict, concluded }: Composed,
    choice: CaseChoice | null,
    recording: ReturnType<Journal["recordVerdict"]>,
  ): void {
    const { record, recipe, source, outcome } = concluded;
    if (record?.frame?.kind !== "frame" || source === "upload") return;
    const embedding = outcome.kind === "decided" ? outcome.decision.embedding : null;
    const frame = { verdict, image: record.frame.image, embedding, product: recipe?.name ?? "", recording };
    this.#with.cases?.decided(frame, choice, layersOf(concluded));
  }

  #showBeside(verdict: Verdict, { record, recipe, source, outcome }: Concluded): void {
    if (recipe === undefined || source === "upload") return;
    const image = record?.frame?.kind === "frame" ? record.frame.image : null;
    const embedding = outcome.kind === "decided" ? outcome.decision.embedding : null;
    this.#with.beside?.({ verdict, image, recipe, statistics: record?.statistics, embedding });
  }

  /** What cannot be composed is a `model` fault of which the part alone is known. */
  #compose(proposed: Concluded): Composed {
    const { clock } = this.#with;
    const decidedAt: WallClockMs = clock.wallNow();
    const stamp = {
      id: uuidv7(decidedAt),
      device: this.#options.device,
      bootSeq: this.#options.bootSeq,
      verdictSeq: ++this.#verdictSeq,
      decidedAt,
      decidedTick: clock.tick(),
      clockSynced: this.#with.clockSynced(),
    };
    try {
      return { verdict: composeVerdict({ ...stamp, ...proposed }), concluded: proposed };
    } catch (error) {
      const { triggerId, part, source, receivedTick } = proposed;
      const outcome: InspectionOutcome = { kind: "fault", reason: "model", detail: messageOf(error) };
      const concluded = { triggerId, part, source, receivedTick, outcome };
      return { verdict: composeVerdict({ ...stamp, ...concluded }), concluded };
    }
  }

  /** The verdict stands, whatever becomes of those who hear of it. */
  #tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#log.error({ err: error }, "a verdict could not be passed on");
    }
  }

  #remember(verdict: Verdict, { source, record, outcome }: Concluded): void {
    const frame = record?.frame;
    if (frame?.kind !== "frame" || source === "upload") return;
    const heatmap = outcome.kind === "decided" ? outcome.decision.heat : null;
    this.#latest = { verdict, image: frame.image, heatmap };
  }
}

interface Concluded {
  readonly triggerId: string;
  readonly part: string;
  readonly source: TriggerSource;
  readonly receivedTick: MonotonicMs;
  readonly outcome: InspectionOutcome;
  readonly record?: InspectionRecord;
  readonly recipe?: Recipe;
  readonly readings?: CaseMetadata | undefined;
}

interface Composed {
  readonly verdict: Verdict;
  readonly concluded: Concluded;
}

const layersOf = ({ record, readings }: Concluded): readonly (CaseMetadata | undefined)[] => [
  record?.frame?.metadata,
  readings,
];

/** An uploaded image says nothing of how the line looks. */
const looksOf = ({ record, source }: Concluded): ImageStatistics | null =>
  source === "upload" ? null : imageStatisticsOf(record?.statistics);

/** A verdict says why it was chosen and what was found in it; that a person's order drew it, the case says. */
function withChoice(
  verdict: Verdict,
  choice: CaseChoice | null,
): { readonly verdict: Verdict; readonly choice: CaseChoice | null } {
  const said = choice?.reasons.filter((reason) => reason !== "operator" && !verdict.hardCase.includes(reason)) ?? [];
  if (said.length === 0) return { verdict, choice };
  return { verdict: { ...verdict, hardCase: [...verdict.hardCase, ...said] }, choice };
}

const queueOf = (source: TriggerSource): "parts" | "uploads" => (source === "upload" ? "uploads" : "parts");

const NO_RECIPE = { reason: "model", detail: "no recipe is active" } as const;

const recordOf = (frame: CapturedFrame | undefined): InspectionRecord => ({
  frame,
  capturedTick: undefined,
  preprocessedTick: undefined,
  inferredTick: undefined,
});
