import { z } from "zod";
import { certificateFault } from "../../contracts/certificate-fault.ts";
import type { DriftAlarm } from "../../contracts/drift-alarm.ts";
import type { Recipe } from "../recipe.ts";

export const CertificateStanding = z.strictObject({
  maxEscape: z.number(),
  confidence: z.number(),
  valid: z.boolean(),
  sentence: z.string().describe("the promise, or why there is none now"),
});
export type CertificateStanding = z.infer<typeof CertificateStanding>;

/**
 * What the active model promises here and now; null where it has no certificate. A promise was made for parts like
 * those it was calibrated on: an open drift alarm voids it until a person has looked.
 */
export function certificateStanding(
  { bundle, rules }: Pick<Recipe, "bundle" | "rules">,
  alarms: readonly Pick<DriftAlarm, "sentence">[],
): CertificateStanding | null {
  const { certificate } = bundle.manifest;
  if (certificate === null || certificate === undefined) return null;
  const { maxEscape, confidence } = certificate;
  const limits = { ...bundle.manifest.decision, ...rules };
  const fault = certificateFault({ certificate, decision: limits }, bundle.modelSha256);
  const drift = alarms[0]?.sentence;
  const promise = `At most ${percent(maxEscape)} of defective parts pass, with ${percent(confidence)} confidence.`;
  if (fault !== null) return { maxEscape, confidence, valid: false, sentence: `${capital(fault)}.` };
  if (drift === undefined) return { maxEscape, confidence, valid: true, sentence: promise };
  const why = "The certificate is void while the line looks otherwise than it did";
  return { maxEscape, confidence, valid: false, sentence: `${why}: ${drift}` };
}

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;
const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
