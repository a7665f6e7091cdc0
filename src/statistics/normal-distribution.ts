/** P(X <= x) of the standard normal distribution, to about 1e-15 (series near 0, continued fraction in the tails). */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  const size = Math.abs(x);
  if (size > 38) return x < 0 ? 0 : 1;
  const density = Math.exp((-size * size) / 2) / Math.sqrt(2 * Math.PI);
  const tail = size < 3 ? 0.5 - density * centralSeries(size) : density / tailFraction(size);
  return x < 0 ? tail : 1 - tail;
}

/** x + x^3/3 + x^5/(3*5) + …: the area between 0 and x over the density at x. */
function centralSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let odd = 3; term > sum * 1e-17; odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return sum;
}

/** x + 1/(x + 2/(x + 3/…)): the density at x over the area beyond x (Laplace). */
function tailFraction(x: number): number {
  let value = x;
  for (let level = 100; level >= 1; level--) value = x + level / value;
  return value;
}

/** The x with P(X <= x) = `share` of the standard normal distribution; -Infinity at 0, Infinity at 1. */
export function normalQuantile(share: number): number {
  if (!(share >= 0 && share <= 1)) return NaN;
  if (share === 0) return -Infinity;
  if (share === 1) return Infinity;
  // From the near tail, where the distribution function keeps its precision.
  if (share > 0.5) return -normalQuantile(1 - share);
  let low = -39;
  let high = 0;
  while (high - low > 1e-14 * Math.max(1, -low)) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < share) low = middle;
    else high = middle;
    if (middle === low && middle === high) break;
  }
  return (low + high) / 2;
}

/** Two-sided critical value: 1.96 at 95 %. */
export const normalCritical = (confidence: number): number => -normalQuantile((1 - confidence) / 2);
