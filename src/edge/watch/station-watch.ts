import type { DriftAlarm } from "../../contracts/drift-alarm.ts";
import type { DriftReference } from "../../contracts/drift-reference.ts";
import { compareWithBaseline } from "../../drift/compare-reference.ts";
import { describeDrift } from "../../drift/describe-drift.ts";
import { DRIFT_DEFAULTS, DriftDetector } from "../../drift/drift-detector.ts";
import { PROJECTION_SEED, projectObservation, referenceOf } from "../../drift/drift-reference.ts";
import type { DriftObservation } from "../../drift/observation.ts";
import { projectionMatrix } from "../../drift/projection.ts";
import type { DriftConfig } from "./drift-config.ts";
import { fromRow, type StationReference, type StationState, toRow } from "./station-state.ts";

export interface StationOptions extends Pick<DriftConfig, "referenceFrames" | "falseAlarmEveryFrames"> {
  readonly device: string;
  /** Of the bundle. */
  readonly baseline: DriftReference | null;
}

export type StationEvent =
  | { readonly kind: "learnt"; readonly reference: StationReference }
  | { readonly kind: "alarm"; readonly alarm: DriftAlarm };

/** As it was left on disk; null where nothing was. */
export interface KeptStation {
  readonly state: StationState | null;
  readonly reference: StationReference | null;
}

/**
 * One model at one line: learns how its first frames look, then watches. An alarm stays open until a person
 * acknowledges it or a reference is learnt anew; while it is open, only other changes raise another.
 */
export class StationWatch {
  readonly #options: StationOptions;
  #embeddingSize: number;
  #matrix: Float32Array;
  #rows: number[][] | null;
  #reference: StationReference | null;
  #detector: DriftDetector | null = null;
  #alarms: DriftAlarm[];

  constructor(options: StationOptions, { state, reference }: KeptStation) {
    this.#options = options;
    this.#reference = reference;
    this.#alarms = state?.alarms ?? [];
    this.#embeddingSize = state?.embeddingSize ?? 0;
    this.#matrix = projectionMatrix(this.#embeddingSize, PROJECTION_SEED);
    this.#rows = state?.learning ?? (reference === null ? [] : null);
    if (reference !== null && this.#rows === null) this.#watch(reference.reference, state);
  }

  get reference(): StationReference | null {
    return this.#reference;
  }

  /** Frames learnt from so far; null once the reference is learnt. */
  get learning(): number | null {
    return this.#rows?.length ?? null;
  }

  get alarms(): readonly DriftAlarm[] {
    return this.#alarms;
  }

  /** How close each stream is to its alarm, 0 to 1; empty while learning. */
  closeness(): ReadonlyMap<string, number> {
    return this.#detector?.closeness() ?? new Map();
  }

  get state(): StationState {
    const detector = this.#detector?.state ?? null;
    return { schema: 1, embeddingSize: this.#embeddingSize, learning: this.#rows, detector, alarms: this.#alarms };
  }

  /** Takes the next inspected frame, in about 0.02 ms. `at`: ISO 8601. */
  add(observation: DriftObservation, at: string): StationEvent | null {
    if (this.#rows !== null) return this.#learn(this.#rows, observation, at);
    const found = this.#detector?.add(observation) ?? null;
    if (found === null) return null;
    const { stream, direction, usual, now, framesSinceStart } = found;
    if (this.#alarms.some((open) => open.stream === stream && open.direction === direction)) return null;
    const alarm: DriftAlarm = {
      ...{ schema: 1, device: this.#options.device, at, stream, direction, usual, now },
      sentence: describeDrift(found),
      framesSinceStart,
    };
    this.#alarms = [...this.#alarms, alarm];
    return { kind: "alarm", alarm };
  }

  /** A person has looked: all is taken as it is; should the change last, there will be another alarm. */
  acknowledge(): readonly DriftAlarm[] {
    const closed = this.#alarms;
    this.#alarms = [];
    if (this.#reference !== null && this.#rows === null) this.#watch(this.#reference.reference, null);
    return closed;
  }

  /** What is usual is learnt anew from the next frames; open alarms stay until it is. */
  relearn(): void {
    this.#rows = [];
    this.#detector = null;
  }

  #learn(rows: number[][], observation: DriftObservation, at: string): StationEvent | null {
    const size = observation.embedding?.length ?? 0;
    if (rows.length === 0 && size !== this.#embeddingSize) {
      this.#embeddingSize = size;
      this.#matrix = projectionMatrix(size, PROJECTION_SEED);
    }
    const isKnown = size === this.#embeddingSize && size > 0;
    rows.push(toRow(projectObservation(isKnown ? observation : { ...observation, embedding: null }, this.#matrix)));
    if (rows.length < this.#options.referenceFrames) return null;
    const learnt = rows.map(fromRow);
    const { baseline } = this.#options;
    const reference: StationReference = {
      ...{ schema: 1, learntAt: at },
      reference: referenceOf(learnt, { projectionSeed: PROJECTION_SEED, embeddingSize: this.#embeddingSize }),
      comparison: baseline === null ? null : compareWithBaseline(learnt, baseline).sentence,
    };
    this.#rows = null;
    this.#reference = reference;
    this.#alarms = [];
    this.#watch(reference.reference, null);
    return { kind: "learnt", reference };
  }

  #watch(reference: DriftReference, state: StationState | null): void {
    const { falseAlarmEveryFrames } = this.#options;
    this.#detector = new DriftDetector(reference, { ...DRIFT_DEFAULTS, falseAlarmEveryFrames });
    if (state?.detector != null) this.#detector.restore(state.detector);
  }
}
