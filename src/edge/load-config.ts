import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { SightlineError } from "../contracts/errors.ts";
import { nearestWord } from "../platform/nearest-word.ts";
import { DeviceConfig, type Secret } from "./device-config.ts";
import { knownKeysAt } from "./known-keys.ts";

/**
 * Reads, validates and completes a device's YAML file; paths in it become absolute.
 * Throws SightlineError CONFIG_INVALID with every mistake, its line and, for a mistyped key, the likely one.
 */
export async function loadDeviceConfig(path: string): Promise<DeviceConfig> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new SightlineError("CONFIG_INVALID", `${path} cannot be read; give an existing file with --config`, {
      cause: error,
    });
  });
  return parseDeviceConfig(text, path);
}

export function parseDeviceConfig(text: string, path: string): DeviceConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  if (broken !== undefined) {
    throw new SightlineError(
      "CONFIG_INVALID",
      `${path}:${lines.linePos(broken.pos[0]).line}: not YAML: ${broken.message}`,
    );
  }
  const raw: unknown = document.toJS();
  if (raw === null)
    throw new SightlineError("CONFIG_INVALID", `${path}: the file is empty; firmware-config/ has examples`);
  const parsed = DeviceConfig.safeParse(raw);
  if (!parsed.success) {
    const where = (keys: readonly PropertyKey[]): string => `${path}${lineOf(document, lines, keys)}`;
    throw new SightlineError(
      "CONFIG_INVALID",
      parsed.error.issues.map((issue) => describeIssue(issue, raw, where)).join("\n"),
    );
  }
  return Object.freeze(withAbsolutePaths(parsed.data, dirname(resolve(path))));
}

function describeIssue(issue: z.core.$ZodIssue, raw: unknown, where: (keys: readonly PropertyKey[]) => string): string {
  const place = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => {
        const meant = nearestWord(key, knownKeysAt(issue.path, raw));
        const hint = meant === undefined ? "remove it" : `did you mean "${meant}"?`;
        return `${where([...issue.path, key])}: ${place}unknown key "${key}"; ${hint}`;
      })
      .join("\n");
  }
  return `${where(issue.path)}: ${place}${issue.message}${likelyValue(issue, valueAt(raw, issue.path))}`;
}

/** `; did you mean "gstreamer"?` for a mistyped word of a closed list. */
function likelyValue(issue: z.core.$ZodIssue, value: unknown): string {
  const listed =
    issue.code === "invalid_value"
      ? issue.values
      : "options" in issue && Array.isArray(issue.options)
        ? issue.options
        : [];
  const words = listed.filter((word): word is string => typeof word === "string");
  const meant = typeof value === "string" ? nearestWord(value, words) : undefined;
  return meant === undefined ? "" : `; did you mean "${meant}"?`;
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    raw,
  );
}

function lineOf(document: Document, lines: LineCounter, keys: readonly PropertyKey[]): string {
  for (let depth = keys.length; depth > 0; depth--) {
    const node = document.getIn(keys.slice(0, depth), true);
    const range = typeof node === "object" && node !== null && "range" in node ? node.range : undefined;
    const start: unknown = Array.isArray(range) ? range[0] : undefined;
    if (typeof start === "number") return `:${lines.linePos(start).line}`;
  }
  return "";
}

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

const absoluteSecret = (secret: Secret, absolute: (path: string) => string): Secret =>
  "file" in secret ? { file: absolute(secret.file) } : secret;

function definedOnly<T extends Record<string, string | undefined>>(values: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}

/** The text of a secret. `environment` is handed in: only the process entry reads the real one. */
export async function readSecret(
  secret: Secret,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if ("env" in secret) {
    const value = environment[secret.env];
    if (value === undefined || value === "") {
      throw new SightlineError(
        "CONFIG_INVALID",
        `the environment variable ${secret.env} is not set; the configuration takes a secret from it`,
      );
    }
    return value;
  }
  const text = await readFile(secret.file, "utf8").catch((error: unknown) => {
    throw new SightlineError("CONFIG_INVALID", `the secret file ${secret.file} cannot be read by this user`, {
      cause: error,
    });
  });
  if (text.trim() === "") throw new SightlineError("CONFIG_INVALID", `the secret file ${secret.file} is empty`);
  return text.trim();
}
