import { readFile } from "node:fs/promises";
import { LineCounter, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { SightlineError } from "../contracts/errors.ts";
import { nearestWord } from "../platform/nearest-word.ts";
import { knownKeysAt } from "./known-keys.ts";

export const readConfigFile = (path: string): Promise<string> =>
  readFile(path, "utf8").catch((error: unknown) => {
    throw new SightlineError("CONFIG_INVALID", `${path} cannot be read; give an existing file with --config`, {
      cause: error,
    });
  });

/** Throws SightlineError CONFIG_INVALID with every mistake, its line and, for a mistyped key, the likely one. */
export function parseYaml<T>(schema: z.ZodType<T>, text: string, path: string): T {
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
    throw new SightlineError(
      "CONFIG_INVALID",
      `${path}: the file is empty; firmware-config/ and deploy/ have examples`,
    );
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const where = (keys: readonly PropertyKey[]): string => `${path}${lineOf(document, lines, keys)}`;
    throw new SightlineError(
      "CONFIG_INVALID",
      parsed.error.issues.map((issue) => describeIssue(issue, { schema, raw, where })).join("\n"),
    );
  }
  return parsed.data;
}

interface Written {
  readonly schema: z.ZodType;
  readonly raw: unknown;
  readonly where: (keys: readonly PropertyKey[]) => string;
}

function describeIssue(issue: z.core.$ZodIssue, { schema, raw, where }: Written): string {
  const place = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => {
        const meant = nearestWord(key, knownKeysAt(schema, issue.path, raw));
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
