import type { BrokerSettings } from "../pipeline/publish/broker-options.ts";
import type { DeviceConfig } from "./device-config.ts";
import type { DeviceParts } from "./device-parts.ts";
import { readSecret } from "../config/secret.ts";

/** The link's settings from the configuration; secrets are read here, from the environment or from files. */
export async function brokerSettings(
  mqtt: NonNullable<DeviceConfig["mqtt"]>,
  device: string,
  environment: DeviceParts["environment"],
): Promise<BrokerSettings> {
  const { url, root, username, password, caFile, certFile, keyFile } = mqtt;
  return {
    url,
    root,
    device,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: await readSecret(password, environment) }),
    ...(caFile === undefined ? {} : { caPath: caFile }),
    ...(certFile === undefined ? {} : { certificatePath: certFile }),
    ...(keyFile === undefined ? {} : { keyPath: keyFile }),
  };
}
