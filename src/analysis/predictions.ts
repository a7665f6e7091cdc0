import type { Split } from "./diagnose.ts";

/** What any classifier said of one case. */
export interface Prediction {
  readonly id: string;
  readonly label: string;
  readonly predicted: string;
  readonly split: Split;
  /** Cases of one group are not independent (frames of one part); the id where nothing else is said. */
  readonly group: string;
  /** Null: one version only. */
  readonly modelVersion: string | null;
  /** By class; null: not given. */
  readonly scores: Readonly<Record<string, number>> | null;
  readonly embedding: Float32Array | null;
  /** Another person's label, given blind; null: none. */
  readonly secondLabel: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
}

export interface ReadFile<T> {
  readonly items: readonly T[];
  /** What is odd but no reason to stop, a sentence each. */
  readonly warnings: readonly string[];
}
