import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { pipelineWords } from "../../src/pipeline/capture/gstreamer-source.ts";
import { HubConfig } from "../../src/edge/hub-config.ts";
import { loadDeviceConfig } from "../../src/edge/load-config.ts";

const folder = fileURLToPath(new URL("../../firmware-config/", import.meta.url));
const profiles = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

test("the profiles are there", () => {
  expect(profiles.sort()).toEqual([
    "gige-camera.yaml",
    "jetson-orin-nano-csi.yaml",
    "simulated.yaml",
    "usb-camera.yaml",
    "with-hub.yaml",
  ]);
});

test.each(profiles)("%s is valid", async (name) => {
  const config = await loadDeviceConfig(`${folder}${name}`);
  expect(config.recipes[0]?.model).toMatch(/\/models\/tile-surface$/);
});

test("the simulated profile is what the demo's subscribers expect", async () => {
  const config = await loadDeviceConfig(`${folder}simulated.yaml`);
  expect(config).toMatchObject({
    device: "station-1",
    camera: { type: "simulated" },
    mqtt: { url: "mqtt://127.0.0.1:1883", root: "demo/plant/tiles/line1" },
  });
});

test("the profile with a hub shows every setting, and those without an example as they are without it", async () => {
  const shown = await loadDeviceConfig(`${folder}with-hub.yaml`);
  const { url, timeZone, cases, ...rest } = HubConfig.parse(shown.hub);
  expect([url, timeZone]).toEqual(["http://127.0.0.1:8090", "Europe/Berlin"]);
  const usual = HubConfig.parse({});
  expect({ ...rest, cases: { ...cases, privacy: null, shifts: [], metadata: {} } }).toEqual(usual);
});

test.each(["jetson-orin-nano-csi.yaml", "gige-camera.yaml"])(
  "the pipeline of %s has one word for each property",
  async (name) => {
    const { camera } = await loadDeviceConfig(`${folder}${name}`);
    if (camera.type !== "gstreamer") throw new Error("another camera type");
    for (const word of pipelineWords(camera.pipeline)) expect(word).toMatch(/^(!|[a-z0-9]+|[a-z-]+=.+|(video\/\S+))$/);
  },
);
