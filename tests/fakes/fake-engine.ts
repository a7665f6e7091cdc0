import { SightlineError, type ErrorCode } from "../../src/contracts/errors.ts";
import type {
  EngineStatus,
  InferenceEngine,
  InferenceRequest,
  InferenceResult,
  ModelBundle,
} from "../../src/pipeline/infer/inference-engine.ts";

/** What the engine does with its n-th request (from 0): answers with an NG score, fails with a code, or never answers. */
export type EngineAct = { readonly ngScore: number } | { readonly fail: ErrorCode } | { readonly hang: true };

/** Two classes, good and spot; the spot sits in the middle of a 3x3 heatmap. Not an inference: a stand-in for one. */
export class FakeEngine implements InferenceEngine {
  readonly #act: (request: number) => EngineAct;
  readonly requests: InferenceRequest[] = [];
  readonly loaded: string[] = [];

  constructor(act: (request: number) => EngineAct) {
    this.#act = act;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async load(bundle: ModelBundle): Promise<void> {
    this.loaded.push(bundle.modelSha256);
  }

  async unload(): Promise<void> {}

  async infer(_modelSha256: string, request: InferenceRequest): Promise<InferenceResult> {
    const act = this.#act(this.requests.length);
    this.requests.push(request);
    if ("hang" in act) return new Promise(() => undefined);
    if ("fail" in act) throw new SightlineError(act.fail, "scripted");
    const each = <T>(values: T[]): T[] => Array.from({ length: request.count }, () => values).flat();
    return {
      probabilities: Float32Array.from(each([1 - act.ngScore, act.ngScore])),
      embedding: Float32Array.from(each([0, 0])),
      heatmap: Float32Array.from(each([...new Array<number>(9).fill(2), -2, -2, -2, -2, 4, -2, -2, -2, -2])),
      heatmapHeight: 3,
      heatmapWidth: 3,
      inferMs: 1,
    };
  }

  status(): EngineStatus {
    return { provider: "cpu", fallbacks: [], restarts: 0, processes: 1, ready: true, loading: null, pids: [] };
  }
}
