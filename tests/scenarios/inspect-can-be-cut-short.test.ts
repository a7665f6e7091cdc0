import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { jpegOf, StreamServer } from "../pipeline/capture/stream-server.ts";
import { put, texturedPicture } from "./support/pictures.ts";
import { CLI, temporaryDirectory, TINY_BUNDLE } from "./support/station.ts";

const PICTURES = 3000;

/** Starts an inspection that takes a while. */
async function inspectMany() {
  const folder = temporaryDirectory();
  const picture = await texturedPicture({ widthPx: 96, heightPx: 96, grey: 128 }).png().toBuffer();
  for (let at = 0; at < PICTURES; at++) put(join(folder, `part-${at}.png`), picture);
  return inspectionOf(folder);
}

/** Resolves when its first line is there. */
async function inspectionOf(source: string) {
  const child = spawn(process.execPath, [
    CLI,
    "inspect",
    "--model",
    TINY_BUNDLE,
    "--source",
    source,
    "--provider",
    "cpu",
    "--json",
  ]);
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

it("prints every frame that was inspected when its stream breaks off", async () => {
  const camera = new StreamServer(await jpegOf(96, 96));
  await camera.start();
  onTestFinished(() => camera.stop());
  const { printed, stderr, exit } = await inspectionOf(`http://${camera.authority}/stream`);
  camera.cut();
  expect(await exit).toEqual([1, null]);
  expect(printed).toHaveLength(Number(/(\d+) frames in/.exec(await stderr)?.[1]));
  expect((await stderr).trim().split("\n").at(-1)).toContain("the camera stopped delivering");
});
