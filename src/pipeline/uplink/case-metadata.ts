import type { CaseMetadata } from "../../contracts/hub-case.ts";
import { holds, type LocalTime, type TimeWindow } from "./local-time.ts";

const MOST_ENTRIES = 64;
const MOST_KEY = 64;
const MOST_TEXT = 256;

export interface MetadataSources {
  readonly shifts: readonly (TimeWindow & { readonly name: string })[];
  readonly localTime: LocalTime;
  /** The later wins: configured, then of the camera's frame, then of the trigger. */
  readonly layers: readonly (CaseMetadata | undefined)[];
}

/** What goes with a case besides its verdict, cut to what the hub takes. */
export function caseMetadata({ shifts, localTime, layers }: MetadataSources): CaseMetadata {
  const shift = shifts.find((window) => holds(window, localTime));
  const merged: CaseMetadata = Object.assign({}, ...layers);
  if (shift !== undefined) merged["shift"] = shift.name;
  return fitted(merged);
}

/** Entries the hub would refuse must not cost the case: long texts are cut, others left out. */
export function fitted(metadata: CaseMetadata): CaseMetadata {
  const entries = Object.entries(metadata)
    .filter(
      ([key, value]) => key !== "" && key.length <= MOST_KEY && (typeof value !== "number" || Number.isFinite(value)),
    )
    .slice(-MOST_ENTRIES);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === "string" ? value.slice(0, MOST_TEXT) : value]),
  );
}
