import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import sharp from "sharp";

export const jpegOf = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 60, b: 20 } } })
    .jpeg()
    .toBuffer();

/** An MJPEG camera over HTTP on a port of the system's choice, which can be cut, silenced or change its picture. */
export class StreamServer {
  readonly #clients = new Set<ServerResponse>();
  readonly #server: Server;
  #jpeg: Buffer;
  #timer: NodeJS.Timeout | undefined;
  connections = 0;
  silent = false;

  constructor(jpeg: Buffer) {
    this.#jpeg = jpeg;
    this.#server = createServer((request, response) => {
      this.connections++;
      if (request.url?.startsWith("/forbidden") === true) return void response.writeHead(401).end();
      if (request.url !== "/stream") return void response.writeHead(404).end();
      response.writeHead(200, { "content-type": "multipart/x-mixed-replace; boundary=frame" });
      this.#clients.add(response);
      response.on("close", () => this.#clients.delete(response));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.#timer = setInterval(() => this.#send(), 20);
  }

  get authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #send(): void {
    if (this.silent) return;
    const head = `--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${this.#jpeg.length}\r\n\r\n`;
    for (const client of this.#clients)
      client.write(Buffer.concat([Buffer.from(head), this.#jpeg, Buffer.from("\r\n")]));
  }

  show(jpeg: Buffer): void {
    this.#jpeg = jpeg;
  }

  cut(): void {
    for (const client of this.#clients) client.destroy();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
