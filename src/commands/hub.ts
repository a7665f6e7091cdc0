import { SightlineError } from "../contracts/errors.ts";
import { loadHubConfig } from "../hub/hub-config.ts";
import { openHubDatabase, startHub } from "../hub/hub.ts";
import { addModelToHub, startHubWorker } from "../hub/hub-worker.ts";
import { createUser, UserName } from "../hub/people/accounts.ts";
import { passwordFault } from "../hub/people/password.ts";
import { isRole, ROLES } from "../hub/people/roles.ts";
import { systemClock } from "../platform/clock.ts";
import { createLogger } from "../platform/logger.ts";
import { untilStopped } from "../platform/stop-signals.ts";
import type { Command } from "./command.ts";
import { parseCommandLine, required } from "./command-line.ts";
import { numberOption } from "./number-option.ts";
import { readPassword } from "./read-password.ts";

const HELP = `usage: sightline hub --config FILE [--check]
       sightline hub worker --config FILE [--workers N]
       sightline hub model add DIR --project ID --config FILE [--active]
       sightline hub user add NAME --role ROLE --config FILE

The hub: takes hard cases from devices and serves the workbench, until SIGTERM or Ctrl-C. deploy/hub/hub.yaml is a
configuration to start from. On a hub without users an administrator is made, and its one-time password shown once.

  --config FILE   YAML configuration of the hub
  --check         only validate the configuration
  worker          takes trainings and evaluations only, on this or another machine that reaches database and images
  --workers N     trainings at a time (default 1)
  model add DIR   keeps a bundle as a model version of a project; --active: its devices run it already
  user add NAME   adds a person, also while the hub runs; the password is asked for, or read from standard input
  --role ROLE     ${ROLES.join(", ")}
`;

export const hub: Command = {
  name: "hub",
  summary: "the hub: cases, labels, analysis",
  async run(args) {
    const [noun, ...rest] = args;
    if (noun === "user") return runUser(rest);
    if (noun === "worker") return runWorker(rest);
    if (noun === "model") return runModel(rest);
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

const isHelp = (args: readonly string[]): boolean => args.includes("--help") || args.includes("-h");

async function runWorker(args: readonly string[]): Promise<number> {
  const options = parseCommandLine([...args], {
    config: { type: "string" },
    workers: { type: "string", default: "1" },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const config = await loadHubConfig(required(options.config, "config"));
  const workers = numberOption(options.workers, "workers", {
    takes: "a whole number from 1 to 16",
    accepts: (value) => Number.isInteger(value) && value >= 1 && value <= 16,
  });
  const log = createLogger(config.log);
  const stopped = untilStopped();
  const running = await startHubWorker(config, workers, { clock: systemClock, log, environment: process.env });
  log.info({ workers }, "worker is up");
  log.info({ signal: await stopped }, "worker is stopping");
  await running.stop();
  return 0;
}

async function runModel(args: readonly string[]): Promise<number> {
  const [verb, folder, ...rest] = args;
  if (isHelp(args)) {
    process.stdout.write(HELP);
    return 0;
  }
  if (verb !== "add" || folder === undefined || folder.startsWith("-")) {
    throw new SightlineError("USAGE", "use hub model add DIR --project ID --config FILE");
  }
  const options = parseCommandLine(rest, {
    ...{ config: { type: "string" }, project: { type: "string" } },
    active: { type: "boolean", default: false },
  });
  const config = await loadHubConfig(required(options.config, "config"));
  const project = required(options.project, "project");
  const id = await addModelToHub(config, { project, folder, active: options.active }, process.env);
  process.stdout.write(`${id}\n`);
  return 0;
}

async function runUser(args: readonly string[]): Promise<number> {
  const [verb, ...rest] = args;
  if (isHelp(args)) {
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
