import { parseArgs, type ParseArgsConfig } from "node:util";
import { SightlineError } from "../contracts/errors.ts";
import { nearestWord } from "../platform/nearest-word.ts";

type OptionSpec = NonNullable<ParseArgsConfig["options"]>;

/** The options of a command line; a mistyped one is a USAGE error that names the likely one. */
export function parseCommandLine<T extends OptionSpec>(args: string[], options: T) {
  const known = { ...options, help: { type: "boolean", short: "h" } } as const;
  for (const arg of args) {
    const name = /^--([^=]+)/.exec(arg)?.[1];
    if (name === undefined || name in known) continue;
    const meant = nearestWord(name, Object.keys(known));
    throw new SightlineError(
      "USAGE",
      `there is no option --${name}${meant === undefined ? "" : `; did you mean --${meant}?`}`,
    );
  }
  try {
    return parseArgs({ args, options: known, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new SightlineError("USAGE", error instanceof Error ? error.message : String(error));
  }
}

/** The value of an option that must be there. */
export function required(value: string | undefined, option: string): string {
  if (value === undefined || value === "") throw new SightlineError("USAGE", `--${option} is needed; see --help`);
  return value;
}
