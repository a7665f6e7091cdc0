import { z } from "zod";
import { addScore, type Cusum, NO_CHANGE, thresholdFor } from "./cusum.ts";
import type { DriftReference } from "../contracts/drift-reference.ts";
import { median } from "../statistics/averages.ts";
import { BATCH_FRAMES, projectObservation, streamValues } from "./drift-reference.ts";
import { isMaterial } from "./material-change.ts";
import { normalScore } from "./normal-scores.ts";
import type { DriftObservation } from "./observation.ts";
import { projectionMatrix } from "./projection.ts";

export interface DriftOptions {
  /** Frames between two false alarms of this device, on average. A fleet of a hundred has a hundred times as many. */
  readonly falseAlarmEveryFrames: number;
  /** Shift of a batch's mean, in its standard deviations, that is to be found fastest; half of it is allowed for. */
  readonly shift: number;
}

/** One false alarm a week at a part a second. */
export const DRIFT_DEFAULTS: DriftOptions = { falseAlarmEveryFrames: 604_800, shift: 1 };

export interface DriftAlarm {
  readonly stream: string;
  readonly direction: "up" | "down";
  /** Frames looked at since the detector started. */
  readonly frame: number;
  /** Frames since the stream last looked undisturbed: when the change began, as far as can be told. */
  readonly framesSinceStart: number;
  /** Medians of the reference and of the newest frames since then. */
  readonly usual: number;
  readonly now: number;
}

/** Where a detector stands: a restart goes on from there. JSON. */
export const DetectorState = z.strictObject({
  frames: z.int().min(0),
  inBatch: z.int().min(0),
  streams: z.record(
    z.string(),
    z.strictObject({
      up: z.number(),
      down: z.number(),
      sum: z.number(),
      since: z.int().min(0),
      recent: z.array(z.number()),
    }),
  ),
});
export type DetectorState = z.infer<typeof DetectorState>;

interface Watched {
  readonly name: string;
  readonly quantiles: readonly number[];
  readonly batchSpread: number;
  cusum: Cusum;
  sum: number;
  /** Frames since both sides last stood at 0. */
  since: number;
  /** The newest values of those frames. */
  recent: number[];
}

/** Standard errors of the reference's own mean that may be off. */
const REFERENCE_ERRORS = 2;

/** Values kept to say what changed. */
const MOST_RECENT = 64;

/**
 * Watches the frames of one station against a reference. Every stream (image statistics, scores, directions of the
 * embedding) has its own cumulative sum over batches of normal scores; the thresholds share the stated false-alarm rate
 * (Bonferroni). After an alarm all sums start again.
 */
export class DriftDetector {
  readonly #reference: DriftReference;
  readonly #matrix: Float32Array;
  readonly #allowance: number;
  readonly #threshold: number;
  readonly #watched: Watched[];
  #frames = 0;
  #inBatch = 0;

  constructor(reference: DriftReference, options: DriftOptions = DRIFT_DEFAULTS) {
    this.#reference = reference;
    this.#matrix = projectionMatrix(reference.embeddingSize, reference.projectionSeed);
    const allowance = options.shift / 2;
    // A reference of few frames is off by itself; a sum that took that for drift would alarm far too often.
    this.#allowance = allowance + REFERENCE_ERRORS * Math.sqrt(BATCH_FRAMES / reference.frames);
    const streams = Object.entries(reference.streams);
    const batches = (options.falseAlarmEveryFrames / BATCH_FRAMES) * streams.length;
    this.#threshold = thresholdFor(batches, allowance);
    this.#watched = streams.map(([name, { quantiles, batchSpread }]) => ({
      ...{ name, quantiles, batchSpread },
      ...{ cusum: NO_CHANGE, sum: 0, since: 0, recent: [] },
    }));
  }

  /** Takes the next frame; alarms come at the end of a batch, the most exceeded stream of each. */
  add(observation: DriftObservation): DriftAlarm | null {
    this.#frames++;
    const { embeddingSize, whitening } = this.#reference;
    const isKnown = observation.embedding?.length === embeddingSize;
    const projected = projectObservation(isKnown ? observation : { ...observation, embedding: null }, this.#matrix);
    const values = streamValues(projected, whitening);
    for (const watched of this.#watched) {
      const value = values.get(watched.name);
      if (value === undefined) continue;
      watched.sum += normalScore(watched.quantiles, value);
      watched.since++;
      watched.recent.push(value);
      if (watched.recent.length > MOST_RECENT) watched.recent.shift();
    }
    if (++this.#inBatch < BATCH_FRAMES) return null;
    this.#inBatch = 0;
    return this.#endBatch();
  }

  /** How close each stream is to its alarm, 0 to 1. */
  closeness(): ReadonlyMap<string, number> {
    return new Map(
      this.#watched.map(({ name, cusum }) => [name, Math.min(1, Math.max(cusum.up, cusum.down) / this.#threshold)]),
    );
  }

  get state(): DetectorState {
    const streams: DetectorState["streams"] = {};
    for (const { name, cusum, sum, since, recent } of this.#watched)
      streams[name] = { ...cusum, sum, since, recent: [...recent] };
    return { frames: this.#frames, inBatch: this.#inBatch, streams };
  }

  /** `state` is of a detector with the same reference; streams it does not know start at rest. */
  restore({ frames, inBatch, streams }: DetectorState): void {
    this.#frames = frames;
    this.#inBatch = inBatch % BATCH_FRAMES;
    for (const watched of this.#watched) {
      const before = streams[watched.name];
      if (before === undefined) continue;
      const { up, down, sum, since, recent } = before;
      Object.assign(watched, { cusum: { up, down }, sum, since, recent: recent.slice(-MOST_RECENT) });
    }
  }

  #endBatch(): DriftAlarm | null {
    let worst: Watched | undefined;
    for (const watched of this.#watched) {
      const score = watched.sum / Math.sqrt(BATCH_FRAMES) / watched.batchSpread;
      watched.sum = 0;
      watched.cusum = addScore(watched.cusum, score, this.#allowance);
      if (watched.cusum.up === 0 && watched.cusum.down === 0) Object.assign(watched, { since: 0, recent: [] });
      if (height(watched) <= this.#threshold) continue;
      const { name: stream, quantiles, recent: newest } = watched;
      if (!isMaterial({ stream, direction: directionOf(watched), quantiles, newest })) this.#holdBelowAlarm(watched);
      else if (worst === undefined || height(watched) > height(worst)) worst = watched;
    }
    if (worst === undefined) return null;
    const alarm: DriftAlarm = {
      stream: worst.name,
      direction: directionOf(worst),
      frame: this.#frames,
      framesSinceStart: worst.since,
      usual: worst.quantiles[(worst.quantiles.length - 1) / 2] ?? NaN,
      now: median(worst.recent),
    };
    for (const watched of this.#watched) Object.assign(watched, AT_REST, { recent: [] });
    return alarm;
  }

  /** A change that is sure but does not matter waits there: once it matters, the next batch alarms. */
  #holdBelowAlarm(watched: Watched): void {
    const { up, down } = watched.cusum;
    watched.cusum = { up: Math.min(up, this.#threshold), down: Math.min(down, this.#threshold) };
  }
}

const AT_REST = { cusum: NO_CHANGE, since: 0 } as const;

const height = ({ cusum }: Watched): number => Math.max(cusum.up, cusum.down);

const directionOf = ({ cusum }: Watched): "up" | "down" => (cusum.up >= cusum.down ? "up" : "down");
