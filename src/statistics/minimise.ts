export interface MinimiseOptions {
  readonly maxIterations: number;
  /** Stops when no component of the gradient exceeds this. */
  readonly gradientTolerance: number;
}

/** Steps whose curvature is remembered. */
const MEMORY = 8;
const MOST_HALVINGS = 30;
/** Share of the slope that a step must bring (Armijo). */
const SUFFICIENT = 1e-4;

/**
 * The minimum of a smooth convex function by L-BFGS (Liu & Nocedal 1989) with backtracking; starts at `start`, which is
 * left alone. `evaluate` writes the gradient at `point` into `gradient` and returns the value.
 */
export function minimise(
  evaluate: (point: Float64Array, gradient: Float64Array) => number,
  start: Float64Array,
  { maxIterations, gradientTolerance }: MinimiseOptions,
): Float64Array {
  let point = Float64Array.from(start);
  let gradient = new Float64Array(point.length);
  let value = evaluate(point, gradient);
  const memory: Curvature[] = [];
  for (let iteration = 0; iteration < maxIterations && largest(gradient) > gradientTolerance; iteration++) {
    const move = descent(gradient, memory);
    let slope = dot(gradient, move);
    if (!(slope < 0)) {
      memory.length = 0;
      for (let at = 0; at < move.length; at++) move[at] = -(gradient[at] ?? 0);
      slope = -dot(gradient, gradient);
    }
    // The first step knows nothing of the scale.
    let length = memory.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    const nextGradient = new Float64Array(point.length);
    let next = point;
    let nextValue = Infinity;
    for (let halving = 0; halving < MOST_HALVINGS; halving++, length /= 2) {
      const from = point;
      const by = length;
      next = from.map((place, at) => place + by * (move[at] ?? 0));
      nextValue = evaluate(next, nextGradient);
      if (nextValue <= value + SUFFICIENT * length * slope) break;
    }
    if (!(nextValue < value)) break;
    remember(memory, subtract(next, point), subtract(nextGradient, gradient));
    [point, gradient, value] = [next, nextGradient, nextValue];
  }
  return point;
}

interface Curvature {
  readonly step: Float64Array;
  readonly turn: Float64Array;
  readonly product: number;
}

function remember(memory: Curvature[], step: Float64Array, turn: Float64Array): void {
  const product = dot(step, turn);
  if (!(product > 1e-12)) return;
  memory.push({ step, turn, product });
  if (memory.length > MEMORY) memory.shift();
}

/** Minus the approximate inverse Hessian times the gradient (two-loop recursion). */
function descent(gradient: Float64Array, memory: readonly Curvature[]): Float64Array {
  const move = gradient.map((value) => -value);
  const weights = new Float64Array(memory.length);
  for (let index = memory.length - 1; index >= 0; index--) {
    const { step, turn, product } = memory[index] as Curvature;
    const weight = dot(step, move) / product;
    weights[index] = weight;
    addScaled(move, turn, -weight);
  }
  const last = memory.at(-1);
  if (last !== undefined) {
    const scale = last.product / dot(last.turn, last.turn);
    for (let at = 0; at < move.length; at++) move[at] = (move[at] ?? 0) * scale;
  }
  memory.forEach(({ step, turn, product }, index) => {
    addScaled(move, step, (weights[index] ?? 0) - dot(turn, move) / product);
  });
  return move;
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}

function addScaled(target: Float64Array, added: Float64Array, factor: number): void {
  for (let at = 0; at < target.length; at++) target[at] = (target[at] ?? 0) + factor * (added[at] ?? 0);
}

const subtract = (one: Float64Array, other: Float64Array): Float64Array =>
  one.map((value, at) => value - (other[at] ?? 0));

const largest = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
