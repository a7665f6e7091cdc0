import { SightlineError } from "../contracts/errors.ts";
import { hubAddress } from "../edge/hub-side.ts";
import { loadDeviceConfig } from "../edge/load-config.ts";
import { credentialPath, writeCredential } from "../pipeline/uplink/credential.ts";
import { enrol } from "../pipeline/uplink/enrol.ts";
import { systemClock } from "../platform/clock.ts";
import { mkdir } from "node:fs/promises";
import { parseCommandLine, required } from "./command-line.ts";

const HELP = `usage: sightline edge enrol --code CODE --config FILE [--hub URL]

Makes this device known to its hub: trades a one-time code, which the hub gives an engineer, for a credential of this
device alone. It is kept in the data folder and read by this user only. A running device takes it up within seconds.

  --code CODE     from the hub; serves once
  --config FILE   YAML configuration of the device
  --hub URL       the hub's address; hub.url of the configuration when absent
`;

/** `sightline edge enrol`. */
export async function edgeEnrol(args: string[]): Promise<number> {
  const options = parseCommandLine(args, {
    hub: { type: "string" },
    code: { type: "string" },
    config: { type: "string" },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const code = required(options.code, "code");
  const config = await loadDeviceConfig(required(options.config, "config"));
  const url = options.hub ?? config.hub?.url;
  if (url === undefined) throw new SightlineError("USAGE", "--hub is needed, for the configuration has no hub.url");
  if (!URL.canParse(url)) throw new SightlineError("USAGE", `--hub ${url} is no address; write https://HOST:PORT`);
  const address = await hubAddress(url, config.hub ?? {});
  const credential = await enrol(address, code, config.device, systemClock);
  const path = credentialPath(config.dataDirectory);
  await mkdir(config.dataDirectory, { recursive: true });
  await writeCredential(path, credential);
  const { device, project, line } = credential;
  process.stderr.write(
    `${device} is enrolled at ${url}: project ${project}, line ${line}. The credential is ${path}\n`,
  );
  if (config.hub?.url === undefined)
    process.stderr.write(`Nothing is sent yet: set hub.url in ${options.config} to ${url}\n`);
  return 0;
}
