import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { DeviceConfig } from "../device-config.ts";
import { openClient } from "../rollout-side.ts";
import { failure, fine, warning, type Finding } from "./finding.ts";

const PATIENCE_MS = 60_000;
/** Nothing as large as a bundle is taken: the question is what the repositories say. */
const NO_BUNDLE = 1;

/**
 * Do the repositories answer, are they signed by the keys this device was given, and is something ordered? Asks in a
 * folder of its own: the device may be running, and one process at a time may use its folder. Downloads no bundle.
 */
export async function checkReleases(config: DeviceConfig, clock: Clock): Promise<Finding> {
  const { releases } = config;
  if (releases === null) return fine("none are configured: models change with the configuration");
  const directoryPath = await mkdtemp(join(tmpdir(), "sightline-doctor-releases-"));
  try {
    const client = await openClient({ ...config, releases }, { clock }, { directoryPath, maxBundleBytes: NO_BUNDLE });
    const result = await client.check(releases.product, AbortSignal.timeout(PATIENCE_MS));
    const where = `${releases.url} is signed by the keys this device knows`;
    if (result.outcome === "installed") return fine(`${where}; ${result.release.version} is ordered`);
    if (result.outcome === "nothing-new") return fine(`${where}. ${result.sentence}`);
    if (result.code === "BUNDLE_TOO_LARGE") return fine(`${where}; a release is ordered for this device`);
    if (result.code === "UNREACHABLE" || result.code === "METADATA_MISSING")
      return warning(result.sentence, "correct releases.url, or start the server; inspection goes on meanwhile");
    return failure(result.sentence, "docs/releases.md says what each refusal means; inspection goes on meanwhile");
  } catch (error) {
    return failure(messageOf(error), "give the device both roots, as docs/releases.md says");
  } finally {
    await rm(directoryPath, { recursive: true, force: true });
  }
}
