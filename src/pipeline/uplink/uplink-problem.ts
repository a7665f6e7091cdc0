import type { HubTrouble } from "./hub-pause.ts";

export interface UplinkProblem {
  readonly code: "hub-not-enrolled" | "hub-refuses" | "hub-away" | "hub-declines" | "masks-do-not-fit";
  readonly sentence: string;
}

/** A hub that is away for a moment is nothing that anybody needs to come for. */
const AWAY_MS = 60_000;

export interface UplinkTroubles {
  readonly url: string;
  readonly credentialTrouble: string | null;
  readonly trouble: { readonly kind: HubTrouble; readonly sentence: string } | null;
  readonly troubleMs: number;
  readonly declinedCase: string | null;
  readonly declinedVerdicts: string | null;
  readonly keptBack: number;
}

/** The most urgent of what a person should know, or null. Pure. */
export function uplinkProblem(at: UplinkTroubles): UplinkProblem | null {
  const { url, credentialTrouble, trouble, troubleMs, declinedCase, declinedVerdicts, keptBack } = at;
  if (credentialTrouble !== null) {
    const sentence = `Nothing reaches the hub ${url}: ${credentialTrouble}. Run "sightline edge enrol" with a code of the hub.`;
    return { code: "hub-not-enrolled", sentence };
  }
  if (trouble?.kind === "unauthorised") {
    const sentence = `The hub ${url} no longer knows this device: ${trouble.sentence} Enrol it again; everything is kept meanwhile.`;
    return { code: "hub-refuses", sentence };
  }
  if (trouble !== null && troubleMs >= AWAY_MS)
    return {
      code: "hub-away",
      sentence: `The hub ${url} cannot be used: ${trouble.sentence}; everything is kept and sent later.`,
    };
  if (keptBack > 0) {
    const sentence = `${keptBack} hard cases stay here, since the masks or the crop of hub.cases do not fit the camera's frames.`;
    return { code: "masks-do-not-fit", sentence };
  }
  const declined = declinedVerdicts ?? declinedCase;
  if (declined === null) return null;
  const what = declinedVerdicts === null ? "a hard case" : "verdicts";
  return { code: "hub-declines", sentence: `The hub declines ${what}: ${declined}; they are kept and offered again.` };
}
