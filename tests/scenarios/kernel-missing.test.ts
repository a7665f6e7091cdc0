import { cpSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { SMALL_PARTS, temporaryDirectory, TINY_BUNDLE } from "./support/station.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

it("refuses to start where the image kernel was not built, and says how to build it", () => {
  const copy = temporaryDirectory();
  for (const path of ["src", "package.json"]) cpSync(join(REPOSITORY, path), join(copy, path), { recursive: true });
  symlinkSync(join(REPOSITORY, "node_modules"), join(copy, "node_modules"));
  const config = join(copy, "device.yaml");
  const device = {
    device: "station-1",
    dataDirectory: join(copy, "data"),
    camera: SMALL_PARTS,
    recipes: [{ name: "tiny", model: TINY_BUNDLE }],
    inference: { provider: "cpu", processes: 1 },
    http: { port: 0 },
  };
  writeFileSync(config, JSON.stringify(device));
  const { status, stderr } = spawnSync(process.execPath, [join(copy, "src/cli.ts"), "edge", "--config", config], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(stderr).toContain("the image kernel cannot be loaded");
  expect(stderr).toContain("build it with `node scripts/build-kernel.mjs`");
  expect(status).toBe(1);
});
