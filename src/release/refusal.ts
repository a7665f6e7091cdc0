/**
 * Every way a device says no to what it was offered. `attack`: someone may have done this on purpose and a person should
 * look; the others are faults of network, disk or upkeep. Codes are never reused.
 */
export const REFUSALS = {
  UNREACHABLE: { attack: false },
  METADATA_MISSING: { attack: false },
  METADATA_DAMAGED: { attack: true },
  METADATA_UNSIGNED: { attack: true },
  METADATA_ROLLED_BACK: { attack: true },
  METADATA_EXPIRED: { attack: true },
  METADATA_MIXED: { attack: true },
  METADATA_ENDLESS: { attack: true },
  TRANSFER_TOO_SLOW: { attack: true },
  DOWNLOAD_TRUNCATED: { attack: false },
  FILE_OVERSIZED: { attack: true },
  FILE_DAMAGED: { attack: true },
  BUNDLE_TOO_LARGE: { attack: false },
  ORDER_INVALID: { attack: true },
  ORDER_REPLAYED: { attack: true },
  NOT_IN_CATALOGUE: { attack: true },
  ORDER_DISAGREES: { attack: true },
  RELEASE_INVALID: { attack: true },
  RELEASE_ROLLED_BACK: { attack: true },
  RELEASE_NUMBER_REUSED: { attack: true },
  WRONG_PRODUCT: { attack: true },
  WRONG_LINE: { attack: true },
  MANIFEST_INVALID: { attack: true },
  MANIFEST_LIES: { attack: true },
  STORAGE_FAILED: { attack: false },
  TRUST_LOST: { attack: false },
} as const satisfies Record<string, { attack: boolean }>;

export type RefusalCode = keyof typeof REFUSALS;

/** Nothing was changed on the line. `sentence` says what is wrong, where, and what to do; it is shown as it stands. */
export class ReleaseRefused extends Error {
  readonly code: RefusalCode;
  readonly sentence: string;

  constructor(code: RefusalCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = code;
    this.code = code;
    this.sentence = sentence;
  }
}
