import { SightlineError } from "../contracts/errors.ts";
import { loadHubConfig } from "../hub/hub-config.ts";
import { openHubDatabase, startHub } from "../hub/hub.ts";
import { createUser, UserName } from "../hub/people/accounts.ts";
import { passwordFault } from "../hub/people/password.ts";
import { isRole, ROLES } from "../hub/people/roles.ts";
import { systemClock } from "../platform/clock.ts";
import { createLogger } from "../platform/logger.ts";
import { untilStopped } from "../platform/stop-signals.ts";
import type { Command } from "./command.ts";
import { parseCommandLine, required } from "./command-line.ts";
import { readPassword } from "./read-password.ts";

const HELP = `usage: sightline hub --config FILE [--check]
       sightline hub user add NAME --role ROLE --config FILE

The hub: takes hard cases from devices and serves the workbench, until SIGTERM or Ctrl-C. deploy/hub/hub.yaml is a
configuration to start from. On a hub without users an administrator is made, and its one-time password shown once.

  --config FILE   YAML configuration of the hub
  --check         only validate the configuration
  user add NAME   adds a person, also while the hub runs; the password is asked for, or read from standard input
  --role ROLE     ${ROLES.join(", ")}
`;

export const hub: Command = {
  name: "hub",
  summary: "the hub: cases, labels, analysis",
  async run(args) {
    const [noun, ...rest] = args;
    if (noun === "user") return runUser(rest);
    const options = parseCommandLine(args, { config: { type: "string" }, check: { type: "boolean", default: false } });
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const path = required(options.config, "config");
    const config = await loadHubConfig(path);
    if (options.check) {
      process.stderr.write(`${path}: valid\n`);
      return 0;
    }
    const log = createLogger(config.log);
    const stopped = untilStopped();
    const running = await startHub(config, {
      ...{ clock: systemClock, log, environment: process.env },
      onFirstAdmin: ({ name, password }) => void process.stdout.write(firstAdminText(name, password)),
    });
    const signal = await stopped;
    log.info({ signal }, "hub is stopping");
    await running.stop();
    log.info({}, "hub has stopped");
    return 0;
  },
};

const firstAdminText = (name: string, password: string): string => `
  This hub has no users yet. Sign in once with these, and choose a password of your own:

    name       ${name}
    password   ${password}

  It is shown this once and kept nowhere.

`;

async function runUser(args: readonly string[]): Promise<number> {
  const [verb, ...rest] = args;
  if (verb === "--help" || verb === "-h" || rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  if (verb !== "add") throw new SightlineError("USAGE", `there is no "hub user ${verb ?? ""}"; use hub user add NAME`);
  const [name, ...optionArgs] = rest;
  if (name === undefined || name.startsWith("-")) {
    throw new SightlineError("USAGE", "name the user: hub user add NAME --role ROLE --config FILE");
  }
  const options = parseCommandLine(optionArgs, { config: { type: "string" }, role: { type: "string" } });
  const role = required(options.role, "role");
  if (!isRole(role)) throw new SightlineError("USAGE", `--role ${role}: use ${ROLES.join(", ")}`);
  if (!UserName.safeParse(name).success) {
    throw new SightlineError("USAGE", `"${name}" cannot be a user's name: letters, digits and . _ @ + -, at most 64`);
  }
  const config = await loadHubConfig(required(options.config, "config"));
  const password = await readPassword(`password for ${name}: `);
  const fault = passwordFault(password, name);
  if (fault !== null) throw new SightlineError("USAGE", fault);
  const database = await openHubDatabase(config, process.env);
  try {
    const act = { by: "command line", at: systemClock.wallNow() };
    if (!(await createUser(database, { name, role, password }, act)))
      throw new SightlineError("USAGE", `there is a user ${name} already`);
  } finally {
    await database.close();
  }
  process.stderr.write(`${name} may sign in as ${role}\n`);
  return 0;
}
