import { dirname, resolve } from "node:path";
import { parseYaml, readConfigFile } from "../config/read-config.ts";
import { absoluteSecret } from "../config/secret.ts";
import { DeviceConfig } from "./device-config.ts";

/**
 * Reads, validates and completes a device's YAML file; paths in it become absolute.
 * Throws SightlineError CONFIG_INVALID with every mistake, its line and, for a mistyped key, the likely one.
 */
export const loadDeviceConfig = async (path: string): Promise<DeviceConfig> =>
  parseDeviceConfig(await readConfigFile(path), path);

export const parseDeviceConfig = (text: string, path: string): DeviceConfig =>
  Object.freeze(withAbsolutePaths(parseYaml(DeviceConfig, text, path), dirname(resolve(path))));

function withAbsolutePaths(config: DeviceConfig, base: string): DeviceConfig {
  const absolute = (path: string): string => resolve(base, path);
  return {
    ...config,
    dataDirectory: absolute(config.dataDirectory),
    camera: "path" in config.camera ? { ...config.camera, path: absolute(config.camera.path) } : config.camera,
    recipes: config.recipes.map((recipe) => ({
      ...recipe,
      model: absolute(recipe.model),
      sanity:
        recipe.sanity.reference === undefined
          ? recipe.sanity
          : { ...recipe.sanity, reference: absolute(recipe.sanity.reference) },
    })),
    mqtt: config.mqtt === null ? null : withAbsoluteMqttPaths(config.mqtt, absolute),
    hub: config.hub?.caFile === undefined ? config.hub : { ...config.hub, caFile: absolute(config.hub.caFile) },
    releases:
      config.releases === null
        ? null
        : {
            ...config.releases,
            catalogueRoot: absolute(config.releases.catalogueRoot),
            directorRoot: absolute(config.releases.directorRoot),
          },
    http:
      config.http.writeToken === undefined
        ? config.http
        : { ...config.http, writeToken: absoluteSecret(config.http.writeToken, absolute) },
  };
}

type MqttSection = NonNullable<DeviceConfig["mqtt"]>;

function withAbsoluteMqttPaths(mqtt: MqttSection, absolute: (path: string) => string): MqttSection {
  const { caFile, certFile, keyFile, password } = mqtt;
  const optional = (path: string | undefined): string | undefined => (path === undefined ? undefined : absolute(path));
  return {
    ...mqtt,
    ...definedOnly({ caFile: optional(caFile), certFile: optional(certFile), keyFile: optional(keyFile) }),
    ...(password === undefined ? {} : { password: absoluteSecret(password, absolute) }),
  };
}

function definedOnly<T extends Record<string, string | undefined>>(values: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}
