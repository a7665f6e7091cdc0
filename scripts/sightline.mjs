#!/usr/bin/env node
// `npx sightline COMMAND …`: sets up on first use, then runs the command on Node 24.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { environment, node24, root, setUp } from "./setup.mjs";

setUp();
const child = spawn(
  node24,
  ["--disable-warning=ExperimentalWarning", join(root, "dist", "cli.js"), ...process.argv.slice(2)],
  {
    stdio: "inherit",
    env: environment(),
  },
);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`sightline: Node 24 could not be started: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" || signal === "SIGTERM" ? 0 : 1)));
