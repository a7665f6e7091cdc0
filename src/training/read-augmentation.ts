import { readFile } from "node:fs/promises";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import {
  AUGMENTATION_PRESETS,
  AugmentationFile,
  type AugmentationSettings,
  augmentationSettings,
  unknownLabels,
} from "./augmentation.ts";

/**
 * Settings from the name of a preset or the path of a JSON file (AugmentationFile). `labels` are the classes there are.
 * Throws SightlineError CONFIG_INVALID that says what is wrong where in the file.
 */
export async function readAugmentation(nameOrPath: string, labels: readonly string[]): Promise<AugmentationSettings> {
  const preset = AUGMENTATION_PRESETS.find((name) => name === nameOrPath);
  if (preset !== undefined) return augmentationSettings(preset);
  const text = await readFile(nameOrPath, "utf8").catch((error: unknown) => {
    const detail = `${nameOrPath} is neither a file nor one of ${AUGMENTATION_PRESETS.join(", ")}`;
    throw new SightlineError("CONFIG_INVALID", detail, { cause: error });
  });
  const parsed = AugmentationFile.safeParse(jsonOf(text, nameOrPath));
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${nameOrPath}: ${placeOf(path)}${message}`);
    throw new SightlineError("CONFIG_INVALID", lines.join("\n"));
  }
  const settings = augmentationSettings(parsed.data);
  const [unknown] = unknownLabels(settings, labels);
  if (unknown === undefined) return settings;
  const detail = `${nameOrPath}: classes.${unknown}: no such class; there are ${labels.join(", ")}`;
  throw new SightlineError("CONFIG_INVALID", detail);
}

const placeOf = (path: readonly PropertyKey[]): string => (path.length === 0 ? "" : `${path.map(String).join(".")}: `);

function jsonOf(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SightlineError("CONFIG_INVALID", `${path}: not JSON: ${messageOf(error)}`, { cause: error });
  }
}
