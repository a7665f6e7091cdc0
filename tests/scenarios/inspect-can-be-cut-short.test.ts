import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { put, texturedPicture } from "./support/pictures.ts";
import { CLI, temporaryDirectory, TINY_BUNDLE } from "./support/station.ts";

const PICTURES = 3000;

/** Starts an inspection that takes a while and resolves when its first line is there. */
async function inspectMany() {
  const folder = temporaryDirectory();
  const picture = await texturedPicture({ widthPx: 96, heightPx: 96, grey: 128 }).png().toBuffer();
  for (let at = 0; at < PICTURES; at++) put(join(folder, `part-${at}.png`), picture);
  const child = spawn(process.execPath, [CLI, "inspect", "--model", TINY_BUNDLE, "--source", folder, "--provider", "cpu", "--json"]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const stderr = text(child.stderr);
  const printed: string[] = [];
  const lines = createInterface({ input: child.stdout }).on("line", (line) => printed.push(line));
  await once(lines, "line");
  return { child, printed, stderr, exit: once(child, "close") };
}

it("ends with the figures so far at Ctrl-C", async () => {
  const { child, printed, stderr, exit } = await inspectMany();
  child.kill("SIGINT");
  expect(await exit).toEqual([0, null]);
  const frames = Number(/(\d+) frames in/.exec(await stderr)?.[1]);
  expect(frames).toBe(printed.length);
  expect(frames).toBeLessThan(PICTURES);
});

it("ends quietly when nobody reads its output any more", async () => {
  const { child, stderr, exit } = await inspectMany();
  child.stdout.destroy();
  expect(await exit).toEqual([0, null]);
  expect(await stderr).toBe("");
});
