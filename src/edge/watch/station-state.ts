import { z } from "zod";
import { DriftAlarm } from "../../contracts/drift-alarm.ts";
import { DriftReference } from "../../contracts/drift-reference.ts";
import { DetectorState } from "../../drift/drift-detector.ts";
import type { ProjectedObservation } from "../../drift/drift-reference.ts";

/** A frame that was learnt from: brightness, shares of dark and bright, sharpness, NG score, confidence, projection. */
const Row = z.array(z.number()).min(6);

/** What is kept on disk of a model at a line, besides its reference. */
export const StationState = z.strictObject({
  schema: z.literal(1),
  /** Of the frames learnt from; 0: the model gives no embeddings. */
  embeddingSize: z.int().min(0),
  /** Frames so far of a reference that is being learnt; null: it is learnt. */
  learning: z.array(Row).nullable(),
  detector: DetectorState.nullable(),
  /** Open, the oldest first. */
  alarms: z.array(DriftAlarm),
});
export type StationState = z.infer<typeof StationState>;

export const StationReference = z.strictObject({
  schema: z.literal(1),
  learntAt: z.iso.datetime({ precision: 3 }),
  reference: DriftReference,
  /** How far the line lies from the bundle's baseline, in words; null: the bundle has none. */
  comparison: z.string().nullable(),
});
export type StationReference = z.infer<typeof StationReference>;

export function toRow({ projected, ...plain }: ProjectedObservation): number[] {
  const { brightness, darkShare, brightShare, sharpness, ngScore, confidence } = plain;
  return [brightness, darkShare, brightShare, sharpness, ngScore, confidence, ...(projected ?? [])].map(shorten);
}

export function fromRow(row: readonly number[]): ProjectedObservation {
  const [brightness = 0, darkShare = 0, brightShare = 0, sharpness = 0, ngScore = 0, confidence = 0] = row;
  const projected = row.length > 6 ? row.slice(6) : null;
  return { brightness, darkShare, brightShare, sharpness, ngScore, confidence, projected };
}

/** Seven digits are what float32 has. */
const shorten = (value: number): number => Number(value.toPrecision(7));
