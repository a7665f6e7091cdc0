import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Boot, temporaryDirectory } from "./station.ts";

/** A port that is free now, for a hub that comes back to the same address after every kill. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port is free");
  return address.port;
}

/** A hub's folder and configuration; each `boot` is a process of its own on them, at the same address. */
export class HubHouse {
  readonly directory = temporaryDirectory();
  readonly configPath = join(this.directory, "hub.yaml");
  readonly url: string;

  private constructor(config: object, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    writeFileSync(this.configPath, JSON.stringify({ dataDirectory: "data", http: { port }, ...config }));
  }

  static async build(config: object): Promise<HubHouse> {
    return new HubHouse(config, await freePort());
  }

  /** Resolves when the hub says that it is up. */
  async boot(environment: Readonly<Record<string, string>> = {}): Promise<Boot> {
    const boot = Boot.spawn(["hub", "--config", this.configPath], { upMessage: "hub is up", environment });
    await boot.up;
    return boot;
  }
}
