import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkReleases } from "../../../src/edge/doctor/release-check.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { DEVICE, LINE, Plant, PRODUCT } from "../../release/support/plant.ts";
import { configFor } from "./config-for.ts";

const plant = new Plant();

beforeAll(async () => {
  plant.clock.now = systemClock.wallNow();
  await plant.start();
  await plant.sign("1.0.0");
});
afterAll(() => plant.stop());

const check = (change: object = {}) => {
  const root = (name: string): string => join(plant.repositoryPath, name, "metadata/1.root.json");
  const roots = { catalogueRoot: root("catalogue"), directorRoot: root("director") };
  const releases = { url: plant.url, product: PRODUCT, line: LINE, ...roots, ...change };
  return checkReleases(
    { ...configFor(plant.path, `releases: ${JSON.stringify(releases)}`), device: DEVICE },
    systemClock,
  );
};

test("without releases there is nothing to check", async () => {
  expect(await checkReleases(configFor(plant.path), systemClock)).toMatchObject({ level: "ok" });
});

test("repositories that answer are fine, with and without an order, and nothing is downloaded", async () => {
  expect(await check()).toMatchObject({ level: "ok", sentence: expect.stringContaining("Nothing is ordered") });
  await plant.publish("1.0.0");
  const requests = plant.server.requests.length;
  expect(await check()).toMatchObject({ level: "ok", sentence: expect.stringContaining("is ordered") });
  expect(plant.server.requests.slice(requests).filter(({ path }) => path.endsWith("model.onnx"))).toEqual([]);
});

test("a server that does not answer, strange keys and missing roots each have their remedy", async () => {
  expect(await check({ url: "http://127.0.0.1:9" })).toMatchObject({
    level: "warning",
    remedy: expect.stringContaining("releases.url"),
  });
  const strange = join(plant.path, "strange.json");
  writeFileSync(strange, "{}");
  expect(await check({ catalogueRoot: strange })).toMatchObject({ level: "failure" });
  expect(await check({ directorRoot: "/nowhere/1.root.json" })).toMatchObject({
    level: "failure",
    sentence: expect.stringContaining("/nowhere/1.root.json"),
  });
});
