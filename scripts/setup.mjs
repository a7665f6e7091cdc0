// Makes a fresh clone runnable: installs the locked packages (Node 24 among them) and builds. Plain JavaScript for
// any Node from 20 on, with nothing installed. Does nothing when nothing changed.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const bin = join(root, "node_modules", ".bin");
/** Node 24 as the npm package `node` brings it. */
export const node24 = join(root, "node_modules", "node", "bin", "node");

const say = (text) => process.stderr.write(`sightline: ${text}\n`);

/** The environment in which everything runs: Node 24 first on the path. */
export const environment = () => ({
  // onnxruntime-node's install script fetches CUDA libraries from elsewhere; a GPU host sets it to "true" (README).
  ONNXRUNTIME_NODE_INSTALL: "skip",
  ...process.env,
  PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
});

function fingerprint(paths) {
  const hash = createHash("sha256");
  const visit = (path) => {
    const stats = statSync(path);
    if (stats.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
    else hash.update(`${path}\0`).update(readFileSync(path));
  };
  for (const path of paths) visit(join(root, path));
  return hash.digest("hex");
}

const stampOf = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");

function run(what, command, args) {
  const { status, error, signal } = spawnSync(command, args, {
    cwd: root,
    env: environment(),
    stdio: ["ignore", 2, 2],
  });
  if (status === 0) return;
  say(`${what} failed (${error?.message ?? signal ?? `exit ${status}`}): ${command} ${args.join(" ")}`);
  process.exit(1);
}

function install() {
  const stampPath = join(root, "node_modules", ".setup-stamp");
  const wanted = fingerprint(["package.json", "package-lock.json", ".npmrc"]);
  if (stampOf(stampPath) === wanted && existsSync(node24)) return;
  say("installing the packages (a minute or two, once) …");
  run("installing", "npm", [
    "ci",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
  if (!existsSync(node24)) {
    say(
      "the package `node@24` did not bring its program; run `npm rebuild node`, and allow its install script where npm asks",
    );
    process.exit(1);
  }
  writeFileSync(stampPath, wanted);
}

function build() {
  const stampPath = join(root, "dist", ".build-stamp");
  const wanted = fingerprint([
    "package-lock.json",
    "tsconfig.json",
    "scripts/build.mjs",
    "scripts/build-kernel.mjs",
    "src",
  ]);
  if (stampOf(stampPath) === wanted) return;
  say("building …");
  run("building", node24, [join("scripts", "build.mjs")]);
  mkdirSync(join(root, "dist"), { recursive: true });
  writeFileSync(stampPath, wanted);
}

export function setUp() {
  if (Number(process.versions.node.split(".")[0]) < 20) {
    say(`Node ${process.versions.node} is too old to set sightline up; use any Node from 20 on`);
    process.exit(1);
  }
  install();
  build();
}
