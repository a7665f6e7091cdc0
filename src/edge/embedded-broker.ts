import { createServer, type AddressInfo, type Server } from "node:net";
import { Aedes } from "aedes";
import { SightlineError, messageOf } from "../contracts/errors.ts";
import type { Service } from "../platform/services.ts";

/**
 * A broker inside this process, for the demo: MQTT 3.1.1 only, for programs on this machine only, nothing kept over a
 * restart. A plant uses a broker of its own.
 */
export class EmbeddedBroker implements Service {
  readonly name = "embedded broker";
  readonly #wantedPort: number;
  #aedes: Aedes | undefined;
  #server: Server | undefined;

  /** Port 0: any free one. */
  constructor(port: number) {
    this.#wantedPort = port;
  }

  /** Throws CONFIG_INVALID when the port is taken. */
  async start(): Promise<void> {
    const aedes = await Aedes.createBroker();
    const server = createServer((socket) => aedes.handle(socket));
    this.#aedes = aedes;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        const why = messageOf(error);
        const detail = `port ${this.#wantedPort} for the embedded broker cannot be used (${why}): choose another`;
        reject(new SightlineError("CONFIG_INVALID", detail, { cause: error }));
      });
      server.listen(this.#wantedPort, "127.0.0.1", resolve);
    });
  }

  /** To connect to once it is started. */
  get url(): string {
    const address = this.#server?.address() as AddressInfo | null | undefined; // a TCP server has no other kind
    return `mqtt://127.0.0.1:${address?.port ?? this.#wantedPort}`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    const aedes = this.#aedes;
    this.#server = undefined;
    this.#aedes = undefined;
    if (aedes !== undefined) await new Promise<void>((resolve) => aedes.close(resolve));
    if (server?.listening === true) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
