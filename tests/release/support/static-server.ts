import { createReadStream, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** Answers a request itself, or leaves it to the static files with `false`. */
export type Hook = (request: IncomingMessage, response: ServerResponse, filePath: string) => Promise<boolean> | boolean;

/** Any web server: static files of one folder with ranges, on loopback. `hook` plays the attacker in between. */
export class StaticServer {
  hook: Hook | null = null;
  root: string;
  readonly requests: { readonly path: string; readonly range: string | undefined }[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  constructor(root: string) {
    this.root = root;
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname);
    this.requests.push({ path, range: request.headers.range });
    const filePath = join(this.root, path);
    response.on("error", () => undefined);
    if ((await this.hook?.(request, response, filePath)) === true) return;
    serveFile(request, response, filePath);
  }
}

export function serveFile(request: IncomingMessage, response: ServerResponse, filePath: string): void {
  const status = statSync(filePath, { throwIfNoEntry: false });
  if (status?.isFile() !== true) {
    response.writeHead(404).end();
    return;
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start > 0) {
    response.writeHead(206, {
      "content-length": status.size - start,
      "content-range": `bytes ${start}-${status.size - 1}/${status.size}`,
    });
  } else response.writeHead(200, { "content-length": status.size });
  createReadStream(filePath, { start }).pipe(response);
}

/** Serves files that match with other bytes. */
export const replacing =
  (pattern: RegExp, change: (bytes: Buffer) => Buffer): Hook =>
  async (_request, response, filePath) => {
    if (!pattern.test(filePath)) return false;
    const bytes = change(await readFile(filePath));
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    return true;
  };
