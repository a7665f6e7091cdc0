import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface BenchBroker {
  readonly url: string;
  stop(): Promise<void>;
}

/** A mosquitto of the benchmark's own on a free port; undefined where mosquitto is not installed. */
export async function startBenchBroker(): Promise<BenchBroker | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "sightline-broker-"));
  const port = await freePort();
  await writeFile(join(folder, "broker.conf"), `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const child = spawn("mosquitto", ["-c", join(folder, "broker.conf")], { stdio: "ignore" });
  const spawned = await Promise.race([once(child, "spawn").then(() => true), once(child, "error").then(() => false)]);
  if (!spawned) {
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }
  return {
    url: `mqtt://127.0.0.1:${port}`,
    stop: async () => {
      child.kill();
      if (child.exitCode === null) await once(child, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has no other kind of address
  server.close();
  await once(server, "close");
  return port;
}
