/** y = amount * x^-exponent + floor, the usual shape of error over the number of examples (Hestness et al. 2017). */
export interface PowerLaw {
  /** At least 0. */
  readonly amount: number;
  /** In [0.05, 3]. */
  readonly exponent: number;
  /** What no number of examples removes; at least 0. */
  readonly floor: number;
}

export interface PowerLawPoint {
  /** Positive. */
  readonly x: number;
  readonly y: number;
  /** Relative weight; 1 unless told. */
  readonly weight?: number;
}

const EXPONENTS = Array.from({ length: 60 }, (_, index) => 0.05 * 60 ** (index / 59));

/**
 * Least squares with amount and floor at least 0: for every exponent of a grid the two others in closed form, then the
 * exponent refined between its neighbours. Needs 3 points of different x; fewer give a constant.
 */
export function fitPowerLaw(points: readonly PowerLawPoint[]): PowerLaw {
  const fits = EXPONENTS.map((exponent) => fitAt(points, exponent));
  const best = fits.reduce((least, fit, index) => (fit.loss < (fits[least]?.loss ?? Infinity) ? index : least), 0);
  let low = EXPONENTS[Math.max(0, best - 1)] ?? 0.05;
  let high = EXPONENTS[Math.min(EXPONENTS.length - 1, best + 1)] ?? 3;
  for (let step = 0; step < 25; step++) {
    const third = (high - low) / 3;
    if (fitAt(points, low + third).loss <= fitAt(points, high - third).loss) high -= third;
    else low += third;
  }
  const { amount, floor, exponent } = fitAt(points, (low + high) / 2);
  return { amount, floor, exponent };
}

export const powerLawAt = ({ amount, exponent, floor }: PowerLaw, x: number): number => amount * x ** -exponent + floor;

function fitAt(points: readonly PowerLawPoint[], exponent: number): PowerLaw & { readonly loss: number } {
  let [weights, sumU, sumY, sumUU, sumUY] = [0, 0, 0, 0, 0];
  for (const { x, y, weight = 1 } of points) {
    const u = x ** -exponent;
    weights += weight;
    sumU += weight * u;
    sumY += weight * y;
    sumUU += weight * u * u;
    sumUY += weight * u * y;
  }
  const spread = sumUU - (sumU * sumU) / weights;
  let amount = spread > 1e-18 ? (sumUY - (sumU * sumY) / weights) / spread : 0;
  let floor = (sumY - amount * sumU) / weights;
  if (floor < 0) {
    floor = 0;
    amount = sumUU > 0 ? sumUY / sumUU : 0;
  }
  if (amount < 0) {
    amount = 0;
    floor = sumY / weights;
  }
  const loss = points.reduce(
    (sum, { x, y, weight = 1 }) => sum + weight * (y - amount * x ** -exponent - floor) ** 2,
    0,
  );
  return { amount, exponent, floor, loss };
}
