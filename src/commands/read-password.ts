import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { SightlineError } from "../contracts/errors.ts";

/** Of a terminal, asked for without showing it; else the first line of standard input. */
export async function readPassword(question: string): Promise<string> {
  const terminal = process.stdin.isTTY === true;
  if (terminal) process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal });
  try {
    for await (const line of lines) return line;
    throw new SightlineError("USAGE", "no password came; type it, or send it as the first line of standard input");
  } finally {
    lines.close();
    if (terminal) process.stderr.write("\n");
  }
}
