import { parseHubConfig } from "../../hub/hub-config.ts";
import { startHub } from "../../hub/hub.ts";
import { systemClock } from "../../platform/clock.ts";
import { silentLogger } from "../../platform/logger.ts";

/** A hub as its own process, as `sightline hub` runs it. Argument: its configuration as JSON. Sends {url} when it is up. */
const hub = await startHub(parseHubConfig(process.argv[2] ?? "{}", `${process.cwd()}/bench.yaml`), {
  clock: systemClock,
  log: silentLogger,
  environment: {},
});
process.send?.({ url: hub.url });
process.once("disconnect", () => void hub.stop());
