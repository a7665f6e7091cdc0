import { SightlineError } from "../contracts/errors.ts";
import type { DeviceConfig } from "../edge/device-config.ts";
import { examine, type CheckResult } from "../edge/doctor/examine.ts";
import type { FindingLevel } from "../edge/doctor/finding.ts";
import { loadDeviceConfig } from "../edge/load-config.ts";
import { systemClock } from "../platform/clock.ts";
import { silentLogger } from "../platform/logger.ts";
import { VERSION } from "../platform/version.ts";
import type { Command } from "./command.ts";
import { parseCommandLine } from "./command-line.ts";

const HELP = `usage: sightline doctor [--config FILE] [--run-model] [--json]

Checks whether this machine can inspect, and says what to do about what is missing. With a configuration it also takes
one picture, opens the model bundles, writes one file to the disk, and knocks at broker, reject signal and port. It
switches no output. Where a device is running already, its camera may be busy.

  --config FILE   YAML configuration of the device; without it only the machine is checked
  --run-model     reproduce each model's golden frames on this machine's provider
  --json          one JSON document {ok, version, config, checks: [{name, level, sentence, remedy}]}

Exit code: 0 no failure, 1 a failure, 2 wrong usage or configuration.
`;

export const doctor: Command = {
  name: "doctor",
  summary: "checks camera, model, disk, clock, broker and says what to do",
  async run(args) {
    const options = parseCommandLine(args, {
      config: { type: "string" },
      "run-model": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    });
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const config = options.config === undefined ? null : await configOrSentence(options.config);
    const parts = { clock: systemClock, log: silentLogger, environment: process.env, runModel: options["run-model"] };
    const checks: CheckResult[] = [];
    for await (const result of examine(config, parts)) {
      checks.push(result);
      if (!options.json) process.stdout.write(tableRows(result, process.stdout.isTTY === true));
    }
    const failed = checks.filter(({ level }) => level === "failure").length;
    const warned = checks.filter(({ level }) => level === "warning").length;
    if (options.json) {
      process.stdout.write(
        `${JSON.stringify({ ok: failed === 0, version: VERSION, config: options.config ?? null, checks }, null, 2)}\n`,
      );
    } else {
      process.stdout.write(`\n${checks.length} checks: ${failed} failed, ${warned} to look at\n`);
    }
    return typeof config === "string" ? 2 : failed === 0 ? 0 : 1;
  },
};

async function configOrSentence(path: string): Promise<DeviceConfig | string> {
  try {
    return await loadDeviceConfig(path);
  } catch (error) {
    if (error instanceof SightlineError && error.code === "CONFIG_INVALID") return error.detail;
    throw error;
  }
}

const MARKS: Readonly<Record<FindingLevel, { readonly word: string; readonly colour: number }>> = {
  ok: { word: "ok", colour: 32 },
  warning: { word: "WARNING", colour: 33 },
  failure: { word: "FAILURE", colour: 31 },
};
const NAME_WIDTH = 20;
const WORD_WIDTH = 9;

/** One row for the finding, one for the remedy; the word says what the colour says. */
export function tableRows({ name, level, sentence, remedy }: CheckResult, colour: boolean): string {
  const { word, colour: code } = MARKS[level];
  const shown = colour ? `\u001b[${code}m${word.padEnd(WORD_WIDTH)}\u001b[0m` : word.padEnd(WORD_WIDTH);
  const indent = " ".repeat(NAME_WIDTH + WORD_WIDTH);
  const lines = sentence.split("\n").join(`\n${indent}`);
  const advice = remedy === null ? "" : `${indent}-> ${remedy}\n`;
  return `${name.padEnd(NAME_WIDTH - 1)} ${shown}${lines}\n${advice}`;
}
