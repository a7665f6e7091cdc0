import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST_FILE } from "../../pipeline/infer/open-bundle.ts";
import { BundleManifest } from "../../contracts/model-bundle.ts";
import { SightlineError } from "../../contracts/errors.ts";
import type { Slot } from "./rollout-state.ts";

const MODEL_FILE = "model.onnx";

type About = Pick<Slot, "release" | "stage" | "since">;

/** What the bundle in a folder says of itself; its files are checked where it is loaded. Throws BUNDLE_INVALID. */
export async function readSlot(path: string, about: About): Promise<Slot> {
  const manifestPath = join(path, MANIFEST_FILE);
  const bytes = await readFile(manifestPath).catch((error: unknown) => {
    throw new SightlineError("BUNDLE_INVALID", `${manifestPath} cannot be read`, { cause: error });
  });
  const manifestSha256 = createHash("sha256").update(bytes).digest("hex");
  const manifest = BundleManifest.safeParse(parseOrNull(bytes.toString("utf8")));
  if (!manifest.success) throw new SightlineError("BUNDLE_INVALID", `${manifestPath} does not fit the bundle schema`);
  const { name, version, files } = manifest.data;
  const sha256 = files[MODEL_FILE]?.sha256 ?? "";
  return { path, name, version, sha256, manifestSha256, ...about };
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
