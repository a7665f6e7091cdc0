// A remote I/O coupler: modbus-serial's own TCP server in a process of its own. Prints every coil write as a JSON line.
import { once } from "node:events";
import { createServer } from "node:net";
import modbus from "modbus-serial";

const [wantedPort = "0", answerDelayMs = "0"] = process.argv.slice(2);
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

/** ServerTCP takes 0 for its default, 502: so a free port is asked for here. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

const port = wantedPort === "0" ? await freePort() : Number(wantedPort);
const server = new modbus.ServerTCP(
  {
    getCoil: () => false,
    setCoil: (coil: number, on: boolean, _unit: number, done: (error: Error | null) => void) => {
      setTimeout(() => {
        say({ coil, on, atMs: performance.now() });
        done(null);
      }, Number(answerDelayMs));
    },
  },
  { host: "127.0.0.1", port, unitID: 1 },
);
server.on("initialized", () => say({ port }));
