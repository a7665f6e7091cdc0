/** The stations of the loop, in their order. */
export const LOOP_STEPS = [
  "inspect",
  "drift",
  "alarm",
  "cases",
  "errors",
  "retrain",
  "gates",
  "sign",
  "shadow",
  "canary",
  "fleet",
  "result",
] as const;
export type LoopStep = (typeof LOOP_STEPS)[number];

export interface LoopEvent {
  readonly step: LoopStep;
  readonly sentence: string;
  readonly figures?: object;
}
