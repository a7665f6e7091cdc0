import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { encodeModel } from "../../src/onnx/model-file.ts";
import { tinyBackbone } from "../training/tiny-backbone.ts";
import { put, texturedPicture } from "./support/pictures.ts";
import { CLI, temporaryDirectory } from "./support/station.ts";

const PARTS = 12;

async function workplace(): Promise<string> {
  const folder = temporaryDirectory();
  await writeFile(join(folder, "base.onnx"), encodeModel(tinyBackbone()));
  for (const [label, grey] of [
    ["good", 90],
    ["dark", 150],
  ] as const) {
    for (let part = 0; part < PARTS; part++) {
      const picture = await texturedPicture({ widthPx: 32, heightPx: 32, grey: grey + part })
        .png()
        .toBuffer();
      put(join(folder, "data", label, `${part}.png`), picture);
    }
  }
  return folder;
}

/** Starts a long training; `lines` are what it says on stderr. */
function startTraining(folder: string, ...more: string[]) {
  const options = ["--layers", "all", "--size", "32", "--epochs", "200", "--batch", "4", "--out", join(folder, "out")];
  const data = ["--data", join(folder, "data"), "--base", join(folder, "base.onnx")];
  const child = spawn(process.execPath, [CLI, "train", ...data, ...options, "--json", ...more], {
    env: { ...process.env, XDG_CACHE_HOME: join(folder, "cache") },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  /** Resolves when it says that it has gone beyond a step. */
  const goesBeyond = (step: number): Promise<void> =>
    new Promise((resolve) => {
      reader.on("line", (line) => {
        if (Number(/^fine-tuning .*?(\d+)\/\d+/.exec(line)?.[1]) > step) resolve();
      });
    });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  return { child, lines, goesBeyond, exit: once(child, "close"), output: () => stdout };
}

it("keeps the best so far at Ctrl-C and goes on from there with --resume", async () => {
  const folder = await workplace();
  const first = startTraining(folder);
  await first.goesBeyond(0);
  first.child.kill("SIGINT");
  expect(await first.exit).toEqual([0, null]);
  expect(first.lines.join("\n")).toContain("stopping: the best so far is quantised and written");
  const result: { interrupted: boolean; steps: number } = JSON.parse(first.output());
  expect(result.interrupted).toBe(true);
  expect(existsSync(join(folder, "out", "model.onnx"))).toBe(true);
  expect(existsSync(join(folder, "out.training", "held-out.position"))).toBe(true);
  expect(JSON.parse(readFileSync(join(folder, "out", "manifest.json"), "utf8"))).toMatchObject({
    provenance: { metrics: { interrupted: true } },
  });

  const second = startTraining(folder, "--resume");
  await second.goesBeyond(result.steps);
  second.child.kill("SIGINT");
  expect(await second.exit).toEqual([0, null]);
  const resumed: { steps: number } = JSON.parse(second.output());
  expect(resumed.steps).toBeGreaterThan(result.steps);
}, 180_000);
