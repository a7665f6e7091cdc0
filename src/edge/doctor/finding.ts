export type FindingLevel = "ok" | "warning" | "failure";

export interface Finding {
  readonly level: FindingLevel;
  /** What was found. */
  readonly sentence: string;
  /** What to do about it; null when there is nothing to do. */
  readonly remedy: string | null;
}

/** One thing the doctor looks at. What `look` throws is a failure. */
export interface Check {
  readonly name: string;
  look(): Promise<Finding>;
}

export const fine = (sentence: string): Finding => ({ level: "ok", sentence, remedy: null });
export const warning = (sentence: string, remedy: string): Finding => ({ level: "warning", sentence, remedy });
export const failure = (sentence: string, remedy: string): Finding => ({ level: "failure", sentence, remedy });
