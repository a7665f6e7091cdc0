import { SightlineError } from "../../contracts/errors.ts";
import type { ProviderName } from "./inference-engine.ts";

/** `auto` takes the first of these that proves itself on the golden frames; a named one is required. */
export type ProviderChoice = "auto" | ProviderName;
const PROVIDER_ORDER = ["tensorrt", "cuda", "cpu"] as const satisfies readonly ProviderName[];

export const providersToTry = (choice: ProviderChoice): readonly ProviderName[] =>
  choice === "auto" ? PROVIDER_ORDER : [choice];

/** The slowest of the providers in use, for a status with room for one; null when none is. */
export const slowestProvider = (used: readonly ProviderName[]): ProviderName | null =>
  PROVIDER_ORDER.findLast((provider) => used.includes(provider)) ?? null;

const REMEDIES: Readonly<Record<ProviderName, string>> = {
  cpu: "reinstall onnxruntime-node for this machine",
  cuda:
    "on Linux x64 install CUDA 12 and cuDNN 9 and run `ONNXRUNTIME_NODE_INSTALL=true npm rebuild onnxruntime-node`; " +
    "the npm package for Linux arm64 runs on the CPU only, so a Jetson needs its own build; " +
    "or set the provider to auto",
  tensorrt:
    "on Linux x64 install CUDA 12, cuDNN 9 and TensorRT 10 and run `ONNXRUNTIME_NODE_INSTALL=true npm rebuild " +
    "onnxruntime-node`; the npm package for Linux arm64 runs on the CPU only, so a Jetson needs its own build; " +
    "or set the provider to auto",
};

/** Why a provider is not used, short enough for the status page, from onnxruntime's own words. */
export const unusableReason = (said: string): string =>
  /Failed to load shared library/i.test(said)
    ? "its libraries are not installed"
    : `onnxruntime cannot use it here (${said})`;

/** `reason` is what was missing, in onnxruntime's words or ours. */
export const providerAbsent = (provider: ProviderName, reason: string): SightlineError =>
  new SightlineError("PROVIDER_ABSENT", `${provider} is required but ${reason}; ${REMEDIES[provider]}`);
