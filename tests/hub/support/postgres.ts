import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const PROGRAMS = "/usr/lib/postgresql";

/** Folder with initdb and pg_ctl of the newest PostgreSQL that Debian's package installed; null: none. */
function programFolder(): string | null {
  if (!existsSync(PROGRAMS)) return null;
  const versions = readdirSync(PROGRAMS)
    .map(Number)
    .filter((version) => existsSync(join(PROGRAMS, String(version), "bin", "initdb")))
    .sort((left, right) => right - left);
  return versions[0] === undefined ? null : join(PROGRAMS, String(versions[0]), "bin");
}

export const hasPostgres = programFolder() !== null;

export interface PostgresServer {
  /** Makes an empty database; returns its URL. */
  createDatabase(name: string): string;
  stop(): void;
}

/** A server of its own in a temporary folder, on a free port of 127.0.0.1; PostgreSQL refuses to run as root. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = programFolder();
  if (programs === null) throw new Error("PostgreSQL is not installed: apt-get install postgresql");
  const isRoot = process.getuid?.() === 0;
  const folder = mkdtempSync("/tmp/sightline-pg-");
  const owner = isRoot ? ids("postgres") : undefined;
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, "data");
  const run = (program: string, ...args: string[]): string => {
    const result = spawnSync(join(programs, program), args, {
      ...owner,
      cwd: folder,
      encoding: "utf8",
      env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" },
      // pg_ctl's server would hold a pipe open.
      stdio: ["ignore", program === "pg_ctl" ? "ignore" : "pipe", "pipe"].map((kind, at) =>
        at === 2 && program === "pg_ctl" ? "ignore" : kind,
      ) as ["ignore", "pipe", "pipe"],
    });
    if (result.status === 0) return result.stdout;
    const log = existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8") : "";
    throw new Error(`${program} failed: ${result.stderr ?? ""}${log}`);
  };
  run("initdb", "-D", data, "-U", "sightline", "--auth=trust", "--no-sync", "-E", "UTF8");
  const port = await freePort();
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c fsync=off
    -c shared_buffers=64MB -c max_connections=50`.replaceAll(/\s+/g, " ");
  run("pg_ctl", "-D", data, "-o", options, "-l", join(folder, "log"), "-w", "start");
  const url = `postgres://sightline@127.0.0.1:${port}`;
  return {
    createDatabase(name) {
      run("psql", "-X", "-q", `${url}/postgres`, "-c", `CREATE DATABASE ${name}`);
      return `${url}/${name}`;
    },
    stop() {
      run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ids(user: string): { uid: number; gid: number } {
  const id = (flag: string): number => Number(execFileSync("id", [flag, user], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
