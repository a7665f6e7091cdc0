/** A stated probability and whether the thing happened. */
export interface Forecast {
  /** 0-1. */
  readonly probability: number;
  readonly happened: boolean;
}

/** Forecasts whose probability lies in (low, high] (the first bin also takes 0). */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean stated probability; null in an empty bin. */
  readonly stated: number | null;
  /** Share that happened; null in an empty bin. */
  readonly observed: number | null;
}

export const RELIABILITY_BINS = 15;

/** Equal-width bins of a reliability diagram. */
export function reliabilityBins(forecasts: readonly Forecast[], binCount = RELIABILITY_BINS): ReliabilityBin[] {
  const sums = Array.from({ length: binCount }, () => ({ count: 0, stated: 0, happened: 0 }));
  for (const { probability, happened } of forecasts) {
    const bin = sums[Math.min(binCount - 1, Math.max(0, Math.ceil(probability * binCount) - 1))];
    if (bin === undefined) continue;
    bin.count++;
    bin.stated += probability;
    bin.happened += happened ? 1 : 0;
  }
  return sums.map(({ count, stated, happened }, index) => ({
    low: index / binCount,
    high: (index + 1) / binCount,
    count,
    stated: count === 0 ? null : stated / count,
    observed: count === 0 ? null : happened / count,
  }));
}

/**
 * Expected calibration error (Naeini et al. 2015, Guo et al. 2017): the mean over the forecasts of the gap between
 * stated and observed in their bin, 0-1. NaN without forecasts.
 */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const gap = bins.reduce((sum, bin) => sum + bin.count * Math.abs((bin.stated ?? 0) - (bin.observed ?? 0)), 0);
  return gap / total;
}

/** A probability vector and the index of the class it should have named. */
export interface ClassForecast {
  /** [classes]. */
  readonly probabilities: Float32Array;
  readonly truth: number;
}

/** The likeliest class of each as a forecast that it is right (Guo et al. 2017). */
export const topLabelForecasts = (forecasts: readonly ClassForecast[]): Forecast[] =>
  forecasts.map(({ probabilities, truth }) => {
    const probability = probabilities.reduce((most, value) => Math.max(most, value), 0);
    return { probability, happened: probabilities.indexOf(probability) === truth };
  });

/** Calibration error of every class's probability by itself (Kull et al. 2019); their mean is the classwise error. */
export const classwiseErrors = (forecasts: readonly ClassForecast[], classCount: number): number[] =>
  Array.from({ length: classCount }, (_, wanted) =>
    expectedCalibrationError(
      reliabilityBins(
        forecasts.map(({ probabilities, truth }) => ({
          probability: probabilities[wanted] ?? 0,
          happened: truth === wanted,
        })),
      ),
    ),
  );
