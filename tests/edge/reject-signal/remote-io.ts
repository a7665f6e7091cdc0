// A remote I/O coupler: modbus-serial's own TCP server in a process of its own. Prints every coil write as a JSON line.
import modbus from "modbus-serial";

const [port = "0", answerDelayMs = "0"] = process.argv.slice(2);
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

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
  { host: "127.0.0.1", port: Number(port), unitID: 1 },
);
server.on("initialized", () => {
  const listening = Reflect.get(server, "_server").address();
  say({ port: listening.port });
});
