export interface ScheduleSettings {
  readonly peak: number;
  /** Share of all steps in which the rate rises from 0 to the peak. */
  readonly warmUpShare: number;
  /** Share of the peak at the end. */
  readonly floorShare: number;
}

/** Linear warm-up, then half a cosine down (Loshchilov & Hutter 2017, SGDR without restarts). `step` from 0. */
export function learningRateAt(
  step: number,
  totalSteps: number,
  { peak, warmUpShare, floorShare }: ScheduleSettings,
): number {
  const warmUpSteps = Math.max(1, Math.round(warmUpShare * totalSteps));
  if (step < warmUpSteps) return (peak * (step + 1)) / warmUpSteps;
  const progress = Math.min(1, (step - warmUpSteps) / Math.max(1, totalSteps - warmUpSteps));
  return peak * (floorShare + (1 - floorShare) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}
