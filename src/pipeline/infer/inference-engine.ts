import type { BundleManifest } from "../../contracts/model-bundle.ts";

export type ProviderName = "tensorrt" | "cuda" | "cpu";

/** A bundle whose manifest, hashes and graph signature were checked. */
export interface ModelBundle {
  readonly directoryPath: string;
  readonly manifest: BundleManifest;
  /** SHA-256 of model.onnx: names the model in verdicts. */
  readonly modelSha256: string;
}

/** `count` regions as uint8 NHWC RGB: `pixels.length === count * input.height * input.width * 3`. */
export interface InferenceRequest {
  readonly pixels: Uint8Array;
  readonly count: number;
}

/** Row-major float32 outputs for `count` regions. */
export interface InferenceResult {
  /** [count, classes], calibrated; rows sum to 1. */
  readonly probabilities: Float32Array;
  /** [count, embeddingSize]. */
  readonly embedding: Float32Array;
  /** [count, classes, heatmapHeight, heatmapWidth], class-activation scores (unbounded logits). */
  readonly heatmap: Float32Array;
  readonly heatmapHeight: number;
  readonly heatmapWidth: number;
  /** Time inside the model's run call, monotonic. */
  readonly inferMs: number;
}

/** What runs where, for the status page and the log. */
export interface EngineStatus {
  readonly provider: ProviderName | null;
  /** Every provider that was tried before and why it was not taken. */
  readonly fallbacks: readonly { provider: ProviderName; reason: string }[];
  readonly restarts: number;
  readonly processes: number;
  /** At least one process has every loaded model, proven on its golden frames, and takes requests. */
  readonly ready: boolean;
  /** Name of the model that is being loaded now; the first build of a TensorRT engine takes minutes. */
  readonly loading: string | null;
  /** Process ids of the processes that live now, for `doctor` and for tests. */
  readonly pids: readonly number[];
}

/**
 * Runs loaded models away from the device's own thread. One implementation is a pool of child processes with
 * onnxruntime-node (process-engine.ts); a native sidecar for a Jetson's GPU would be another.
 */
export interface InferenceEngine {
  /** Throws SightlineError PROVIDER_ABSENT where a required provider cannot be used. */
  start(): Promise<void>;
  /**
   * Loads a model, warms it up and runs its golden frames on the provider in use; several may be loaded side by side,
   * keyed by modelSha256. Throws SightlineError: BUNDLE_INVALID, GOLDEN_MISMATCH, PROVIDER_ABSENT, and
   * INFERENCE_FAILED, INFERENCE_CRASHED or INFERENCE_HUNG where the model cannot be run.
   */
  load(bundle: ModelBundle): Promise<void>;
  /** Forgets a model for every recipe that uses it. */
  unload(modelSha256: string): Promise<void>;
  /**
   * The pixels are read before the call returns its promise, so the caller may reuse the buffer at once.
   * Rejects with SightlineError: INFERENCE_FAILED, INFERENCE_CRASHED, INFERENCE_HUNG.
   */
  infer(modelSha256: string, request: InferenceRequest): Promise<InferenceResult>;
  status(): EngineStatus;
  stop(): Promise<void>;
}
