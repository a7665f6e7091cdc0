import { SightlineError, messageOf } from "./contracts/errors.ts";
import type { Command } from "./commands/command.ts";
import { COMMANDS } from "./commands/commands.ts";
import { VERSION } from "./platform/version.ts";

/** Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. */
async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-v") {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(await overview());
    return name === undefined ? 2 : 0;
  }
  const load = COMMANDS[name];
  if (load === undefined) {
    const { nearestWord } = await import("./platform/nearest-word.ts");
    const meant = nearestWord(name, Object.keys(COMMANDS));
    const hint = meant === undefined ? "" : ` Did you mean "${meant}"?`;
    process.stderr.write(`sightline: there is no command "${name}".${hint} See sightline --help\n`);
    return 2;
  }
  return runCommand(await load(), rest);
}

async function runCommand(command: Command, args: string[]): Promise<number> {
  try {
    return await command.run(args);
  } catch (error) {
    process.stderr.write(`sightline ${command.name}: ${messageOf(error)}\n`);
    return error instanceof SightlineError && (error.code === "USAGE" || error.code === "CONFIG_INVALID") ? 2 : 1;
  }
}

async function overview(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`);
  return `sightline ${VERSION}: visual inspection for production lines\n\nusage: sightline COMMAND [options]\n\n${lines.join("\n")}\n\nsightline COMMAND --help says more of each.\n`;
}

/** Whoever read our output has seen enough (`| head`): that is no failure of ours. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await main(process.argv.slice(2));
