// Compiles src/ to dist/. Runs under Node 24 (scripts/setup.mjs sees to it).
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(join(root, "dist"), { recursive: true, force: true });
run(join("scripts", "build-kernel.mjs"));
run(join("node_modules", "typescript", "bin", "tsc"), "-p", ".");
cpSync(join(root, "src", "edge", "status", "page"), join(root, "dist", "edge", "status", "page"), { recursive: true });
cpSync(join(root, "src", "hub", "workbench", "page"), join(root, "dist", "hub", "workbench", "page"), {
  recursive: true,
});
