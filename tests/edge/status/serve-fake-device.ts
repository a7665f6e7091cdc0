import { StatusServer, type StatusServerOptions } from "../../../src/edge/status/status-server.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { FakeDevice } from "../../fakes/fake-device.ts";

export interface ServedDevice {
  readonly device: FakeDevice;
  readonly server: StatusServer;
  readonly url: string;
}

/** A fake device behind the real server, on a port of the system's choice. */
export async function serveFakeDevice(options: Partial<StatusServerOptions> = {}): Promise<ServedDevice> {
  const device = new FakeDevice();
  const server = new StatusServer(
    { device, version: "0.1.0", clock: systemClock, log: silentLogger },
    { port: 0, ...options },
  );
  await server.start();
  return { device, server, url: server.url };
}
