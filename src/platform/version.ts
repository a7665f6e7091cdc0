import { readFileSync } from "node:fs";

/** Of package.json, which stands two folders above both src/platform and dist/platform. */
export const VERSION: string = (() => {
  const parsed: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const version: unknown = typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, "version") : undefined;
  return typeof version === "string" ? version : "unknown";
})();
