import type { BundleManifest } from "./model-bundle.ts";

/**
 * Why the certificate of a bundle is void, or null where it holds or there is none: it names another model file than
 * the one of `modelSha256`, or the limits were moved to where nothing was promised. A model with a void certificate may
 * run; it only promises nothing.
 */
export function certificateFault(
  manifest: Pick<BundleManifest, "certificate" | "decision">,
  modelSha256: string,
): string | null {
  const { certificate, decision } = manifest;
  if (certificate === null) return null;
  if (certificate.modelSha256 !== modelSha256) {
    return "the certificate is void: it is of another model.onnx than this one; run `sightline calibrate` again";
  }
  if (decision.passBelow > certificate.passBelow) {
    return (
      `the certificate is void: it promises for passBelow up to ${certificate.passBelow}, and the manifest has ` +
      `${decision.passBelow}; run \`sightline calibrate\` again`
    );
  }
  const overkill = certificate.overkill;
  if (overkill !== null && decision.rejectFrom < overkill.rejectFrom) {
    return (
      `the certificate is void: its overkill promise is for rejectFrom of at least ${overkill.rejectFrom}, and the ` +
      `manifest has ${decision.rejectFrom}; run \`sightline calibrate\` again`
    );
  }
  return null;
}
