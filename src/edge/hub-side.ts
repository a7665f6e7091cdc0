import { readFile } from "node:fs/promises";
import { SightlineError } from "../contracts/errors.ts";
import type { Journal } from "../pipeline/journal/journal.ts";
import type { HubAddress } from "../pipeline/uplink/hub-client.ts";
import { Uplink } from "../pipeline/uplink/uplink.ts";
import type { DeviceConfig } from "./device-config.ts";
import type { DeviceParts } from "./device-parts.ts";
import type { HubConfig } from "./hub-config.ts";

/** The uplink; undefined where no hub has an address. */
export async function assembleHubSide(
  config: DeviceConfig,
  { clock, random, log }: DeviceParts,
  journal: Journal,
): Promise<Uplink | undefined> {
  const { hub, dataDirectory } = config;
  if (hub?.url === undefined) return undefined;
  const options = {
    hub: await hubAddress(hub.url, hub),
    dataDirectory,
    sendsVerdicts: hub.acknowledges,
    line: hub.line ?? "",
    cases: hub.cases,
    budget: hub.budget,
    timeZone: hub.timeZone,
    leaveFreeBytes: 2 * config.journal.reserveBytes,
  };
  return new Uplink(options, { journal, clock, random, log: log.child({ component: "uplink" }) });
}

/** Throws CONFIG_INVALID where the certificate authority cannot be read. */
export async function hubAddress(url: string, { caFile }: Pick<HubConfig, "caFile">): Promise<HubAddress> {
  if (caFile === undefined) return { url };
  const ca = await readFile(caFile, "utf8").catch((error: unknown) => {
    throw new SightlineError("CONFIG_INVALID", `hub.caFile ${caFile} cannot be read by this user`, { cause: error });
  });
  return { url, ca };
}
