import { startDevice } from "../edge/device.ts";
import { loadDeviceConfig } from "../edge/load-config.ts";
import { openRecipe } from "../edge/recipe.ts";
import { systemClock } from "../platform/clock.ts";
import { createLogger } from "../platform/logger.ts";
import { untilStopped } from "../platform/stop-signals.ts";
import type { Command } from "./command.ts";
import { edgeEnrol } from "./edge-enrol.ts";
import { parseCommandLine, required } from "./command-line.ts";

const HELP = `usage: sightline edge --config FILE
       sightline edge enrol --code CODE --config FILE [--hub URL]

The device runtime: inspects until SIGTERM or Ctrl-C, then decides what is in flight, flushes its journal and leaves
"offline" at the broker. Profiles to start from are in firmware-config/.

  --config FILE   YAML configuration of the device
  --check         only validate the configuration and the model bundles it names
`;

export const edge: Command = {
  name: "edge",
  summary: "the device runtime",
  async run(args) {
    if (args[0] === "enrol") return edgeEnrol(args.slice(1));
    const options = parseCommandLine(args, { config: { type: "string" }, check: { type: "boolean", default: false } });
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const config = await loadDeviceConfig(required(options.config, "config"));
    if (options.check) {
      for (const recipe of config.recipes) await openRecipe(recipe, config.trigger.deadlineMs);
      process.stderr.write(`${options.config}: valid\n`);
      return 0;
    }
    const log = createLogger(config.log);
    const stop = new AbortController();
    const stopped = untilStopped().finally(() => stop.abort());
    const parts = { clock: systemClock, log, random: Math.random, environment: process.env, stop: stop.signal };
    const device = await startDevice(config, parts).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    const signal = await stopped;
    log.info({ signal }, "device is stopping");
    await device?.stop();
    log.info({}, "device has stopped");
    return 0;
  },
};
