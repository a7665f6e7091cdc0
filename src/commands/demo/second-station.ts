import { mkdir } from "node:fs/promises";
import { messageOf } from "../../contracts/errors.ts";
import { type RunningDevice, startDevice } from "../../edge/device.ts";
import type { DeviceConfig } from "../../edge/device-config.ts";
import type { DeviceParts } from "../../edge/device-parts.ts";
import { type DemoHub, type DemoHubParts, type DemoHubPlaces, enrolDemoDevice } from "./demo-hub.ts";

/** Undefined where it does not start, which the log says: the first station goes on alone. */
export async function startSecondStation(
  config: DeviceConfig,
  hub: DemoHub,
  places: DemoHubPlaces,
  parts: DemoHubParts & DeviceParts,
): Promise<RunningDevice | undefined> {
  const { device: name, dataDirectory } = config;
  try {
    await mkdir(dataDirectory, { recursive: true });
    await enrolDemoDevice(hub, { name, dataDirectory }, places, parts);
    return await startDevice(config, { ...parts, log: parts.log.child({ component: name }) });
  } catch (error) {
    if (parts.stop?.aborted !== true) parts.log.error({ reason: messageOf(error) }, "the second station did not start");
    return undefined;
  }
}
