/**
 * The one table of what can go wrong. Codes are never reused. `retryable`: the same call may succeed later without
 * anyone changing anything.
 */
export const ERROR_CODES = {
  CONFIG_INVALID: { retryable: false, text: "the configuration is not valid" },
  USAGE: { retryable: false, text: "wrong usage" },
  BUNDLE_INVALID: { retryable: false, text: "the model bundle is refused" },
  GOLDEN_MISMATCH: { retryable: false, text: "the model does not reproduce its golden frames on this device" },
  PROVIDER_ABSENT: { retryable: false, text: "the required inference provider is not available" },
  INFERENCE_FAILED: { retryable: true, text: "inference failed" },
  INFERENCE_CRASHED: { retryable: true, text: "the inference process ended" },
  INFERENCE_HUNG: { retryable: true, text: "the inference process did not answer" },
  CAMERA_LOST: { retryable: true, text: "the camera stopped delivering" },
  CAMERA_STALLED: { retryable: true, text: "the camera delivered no frame in time" },
  CAMERA_RESIZED: { retryable: true, text: "the camera changed its frame size" },
  CAMERA_UNAVAILABLE: { retryable: true, text: "the camera cannot be opened" },
  PROGRAM_MISSING: { retryable: false, text: "a program is missing" },
  JOURNAL_FULL: { retryable: true, text: "the journal cannot be written" },
  JOURNAL_UNSAFE: { retryable: false, text: "the journal cannot be kept safely" },
  BROKER_UNREACHABLE: { retryable: true, text: "the broker cannot be reached" },
  DATA_INVALID: { retryable: false, text: "the data folder cannot be used" },
  FILE_INVALID: { retryable: false, text: "the file cannot be used" },
  UNKNOWN_RECIPE: { retryable: false, text: "no such recipe" },
  UNKNOWN_VERDICT: { retryable: false, text: "no such verdict" },
  UNKNOWN_CASE: { retryable: false, text: "no such case" },
  UNKNOWN_TAG: { retryable: false, text: "no such tag" },
  CASE_REFUSED: { retryable: false, text: "the case is refused" },
  OBJECT_STORE_FAILED: { retryable: true, text: "the image store failed" },
  OBJECT_DAMAGED: { retryable: false, text: "a stored image is damaged" },
  JOB_LOST: { retryable: false, text: "the job belongs to another worker now" },
  INTERRUPTED: { retryable: true, text: "interrupted" },
  QUANTIZATION_REFUSED: { retryable: false, text: "int8 costs too much accuracy" },
  HUB_UNREACHABLE: { retryable: true, text: "the hub cannot be reached" },
  HUB_REFUSES: { retryable: false, text: "the hub refuses" },
  KERNEL_MISSING: { retryable: false, text: "the image kernel cannot be loaded" },
  TRAINING_FAILED: { retryable: false, text: "the training failed" },
  UNKNOWN_MODEL: { retryable: false, text: "no such model" },
  RELEASE_INCOMPLETE: { retryable: false, text: "the release is not complete" },
} as const satisfies Record<string, { retryable: boolean; text: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** `detail` says what, where, and what to do; it is shown to people as it stands. */
export class SightlineError extends Error {
  readonly code: ErrorCode;
  readonly detail: string;

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(`${ERROR_CODES[code].text}: ${detail}`, options);
    this.name = code;
    this.code = code;
    this.detail = detail;
  }
}

/** A sentence for people from anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
