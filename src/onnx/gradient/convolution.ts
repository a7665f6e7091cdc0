import type { Shape, Window } from "../tensor-shapes.ts";

/** A convolution y = x * w + b as its gradients see it. Dims: x [N,Ci,H,W], w [Co,Ci/groups,kh,kw], y [N,Co,Ho,Wo]. */
export interface Convolution {
  readonly input: Shape;
  readonly weight: Shape;
  readonly output: Shape;
  readonly groups: number;
  readonly window: Window;
}
