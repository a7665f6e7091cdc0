import { connect, type Socket } from "node:net";
import ModbusPackage from "modbus-serial";
import { rejectOnAbort } from "../../platform/abort.ts";

// A CommonJS package: its `default` is the client's class, to the compiler as at run time.
const { default: ModbusClient } = ModbusPackage;

export interface ModbusLinkOptions {
  readonly host: string;
  readonly port: number;
  readonly unit: number;
  /** An answer that takes longer rejects the write. */
  readonly answerTimeoutMs: number;
  /** Called once when the other side closes or the connection breaks. */
  readonly onClosed: () => void;
}

/** One TCP connection to remote I/O. */
export interface ModbusLink {
  /** Resolves when the other side has confirmed the write. */
  writeCoil(address: number, on: boolean): Promise<void>;
  readCoil(address: number): Promise<boolean>;
  /** Drops the connection at once, with what the kernel has not sent yet. */
  destroy(): void;
}

/** Connects; rejects with the system's error, or with the signal's reason when aborted. */
export async function openModbusLink(options: ModbusLinkOptions, signal: AbortSignal): Promise<ModbusLink> {
  const socket = connect({ host: options.host, port: options.port, noDelay: true });
  // A write that the kernel still holds would otherwise arrive when the cable is back: a pass for a part long gone.
  const destroy = (): void => {
    socket.resetAndDestroy();
  };
  socket.on("error", () => undefined); // `connected`, the write in flight and `close` tell the story
  try {
    await Promise.race([connected(socket), rejectOnAbort(signal)]);
  } catch (error) {
    destroy();
    throw error;
  }
  socket.once("close", options.onClosed);
  const client = new ModbusClient();
  client.on("error", () => undefined);
  await client.linkTCP(socket, { port: options.port });
  client.setID(options.unit);
  client.setTimeout(options.answerTimeoutMs);
  return {
    writeCoil: async (address, on) => {
      await client.writeCoil(address, on);
    },
    readCoil: async (address) => (await client.readCoils(address, 1)).data[0] === true,
    destroy,
  };
}

const connected = (socket: Socket): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
