import type { DriftReference } from "../contracts/drift-reference.ts";
import { DISTANCE_STREAM, squaredLength } from "./drift-reference.ts";
import { shareBelow } from "./normal-scores.ts";
import { project, projectionMatrix, whiten } from "./projection.ts";

/** Where a frame's embedding lies among a reference's. */
export interface Outlook {
  /** Share of the reference's frames that lie further out (Mahalanobis distance on a projection), 0 to 1. */
  readonly furtherOut: number;
  /** [PROJECTED_DIMENSIONS], in standard deviations of the reference: near frames have near sketches. */
  readonly sketch: Float64Array;
}

/** How unusual embeddings are, measured by one reference. */
export class NoveltyGauge {
  readonly #size: number;
  readonly #matrix: Float32Array;
  readonly #whitening: NonNullable<DriftReference["whitening"]>;
  readonly #distances: readonly number[];

  private constructor(reference: DriftReference, whitening: NonNullable<DriftReference["whitening"]>) {
    this.#size = reference.embeddingSize;
    this.#matrix = projectionMatrix(reference.embeddingSize, reference.projectionSeed);
    this.#whitening = whitening;
    this.#distances = reference.streams[DISTANCE_STREAM]?.quantiles ?? [];
  }

  /** Undefined where the reference knows no embeddings. */
  static of(reference: DriftReference): NoveltyGauge | undefined {
    const { whitening } = reference;
    const knows = whitening !== null && reference.streams[DISTANCE_STREAM] !== undefined;
    return knows ? new NoveltyGauge(reference, whitening) : undefined;
  }

  /** Null for an embedding of another size. */
  look(embedding: Float32Array): Outlook | null {
    if (embedding.length !== this.#size) return null;
    const sketch = whiten(this.#whitening, project(this.#matrix, embedding));
    return { furtherOut: 1 - shareBelow(this.#distances, squaredLength(sketch)), sketch };
  }
}
