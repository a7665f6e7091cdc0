import { fileURLToPath } from "node:url";
import type { DeviceConfig } from "../../../src/edge/device-config.ts";
import { parseDeviceConfig } from "../../../src/edge/load-config.ts";

export const TINY_BUNDLE = fileURLToPath(new URL("../../fixtures/tiny-bundle", import.meta.url));

/** A valid configuration in `folder`, with more top-level YAML lines. */
export const configFor = (folder: string, more = ""): DeviceConfig =>
  parseDeviceConfig(
    `device: t1\ncamera: { type: simulated }\nrecipes: [{ name: tiny, model: ${TINY_BUNDLE} }]\n${more}\n`,
    `${folder}/device.yaml`,
  );
