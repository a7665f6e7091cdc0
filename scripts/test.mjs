// `npm test`: sets up, gets the programs the tests use (apt where it may), runs every test.
// Arguments are handed to vitest: `npm test -- tests/pipeline`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { environment, node24, root, setUp } from "./setup.mjs";

const say = (text) => process.stdout.write(`sightline: ${text}\n`);

/** Program → the Debian package that brings it. */
const PROGRAMS = {
  mosquitto: "mosquitto",
  mosquitto_sub: "mosquitto-clients",
  ffmpeg: "ffmpeg",
  "gst-launch-1.0": "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good",
  fswebcam: "fswebcam",
  chromium: "chromium fonts-dejavu-core",
  python3: "python3",
  "mkfs.ext4": "e2fsprogs",
  initdb: "postgresql",
};

/** PostgreSQL's server programs lie in a folder a version that is on nobody's path. */
const POSTGRES = "/usr/lib/postgresql";
const postgresFolders = () =>
  existsSync(POSTGRES) ? readdirSync(POSTGRES).map((version) => join(POSTGRES, version, "bin")) : [];
/** Tests start a server of their own: the package shall not bring up one beside it. */
const NO_MAIN_CLUSTER =
  "apt-get install -y --no-install-recommends postgresql-common && " +
  'sed -i "s/^#* *create_main_cluster.*/create_main_cluster = false/" /etc/postgresql-common/createcluster.conf';

const onPath = (program) =>
  [...`${process.env.PATH ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter), ...postgresFolders()].some(
    (folder) => existsSync(join(folder, program)),
  );

function getPrograms() {
  const missing = Object.keys(PROGRAMS).filter((program) => !onPath(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.flatMap((program) => PROGRAMS[program].split(" ")))];
  const install = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  const command = ["apt-get update", ...(packages.includes("postgresql") ? [NO_MAIN_CLUSTER] : []), install].join(
    " && ",
  );
  if (process.getuid?.() !== 0 || !onPath("apt-get")) {
    say(`tests that need ${missing.join(", ")} will be skipped; to run them: sudo sh -c '${command}'`);
    return;
  }
  say(`installing ${packages.join(", ")} …`);
  const { status } = spawnSync("sh", ["-c", command], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (status !== 0) say(`apt-get failed; tests that need ${missing.join(", ")} will be skipped`);
}

setUp();
getPrograms();
const artefacts = join(root, "tests", "artefacts");
mkdirSync(artefacts, { recursive: true });
const results = join(artefacts, "results.json");
const { status } = spawnSync(
  node24,
  [
    join("node_modules", "vitest", "vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${results}`,
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...environment(), PATH: `${environment().PATH}${delimiter}/usr/sbin${delimiter}/sbin` },
  },
);
if (existsSync(results)) {
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(results, "utf8"));
  say(`results are in ${results}`);
  process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped\n`);
}
process.exit(status ?? 1);
