import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSecret } from "../../src/config/secret.ts";
import { loadDeviceConfig, parseDeviceConfig } from "../../src/edge/load-config.ts";

const GOOD = `
device: station-1
camera:
  type: simulated
recipes:
  - name: tiles
    model: ../models/tile-surface
`;
const parse = (text: string) => parseDeviceConfig(text, "/plant/line1.yaml");
const refusal = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    return (error as { detail: string }).detail;
  }
  throw new Error("it was accepted");
};

test("a short file is completed with defaults and frozen", () => {
  const config = parse(GOOD);
  expect(config).toMatchObject({
    device: "station-1",
    mqtt: null,
    http: { host: "127.0.0.1", port: 8080 },
    trigger: { mode: "free", deadlineMs: 1000 },
    rejectSignal: { type: "none" },
  });
  expect(Object.isFrozen(config)).toBe(true);
});

test("paths are resolved from the folder of the file", () => {
  const config = parse(`${GOOD}
    sanity: { reference: pictures/good.png }
dataDirectory: state
mqtt: { url: "mqtts://broker", root: demo/line1, caFile: tls/ca.pem, certFile: /etc/device.crt, password: { file: secrets/mqtt } }
http: { writeToken: { file: secrets/token } }
`);
  expect(config.dataDirectory).toBe("/plant/state");
  expect(config.recipes[0]).toMatchObject({
    model: "/models/tile-surface",
    sanity: { reference: "/plant/pictures/good.png" },
  });
  expect(config.mqtt).toMatchObject({
    caFile: "/plant/tls/ca.pem",
    certFile: "/etc/device.crt",
    password: { file: "/plant/secrets/mqtt" },
  });
  expect(config.http.writeToken).toEqual({ file: "/plant/secrets/token" });
});

test.each(["directory", "video"])("the path of a %s camera is resolved too", (type) => {
  expect(parse(GOOD.replace("type: simulated", `type: ${type}\n  path: parts`)).camera).toMatchObject({
    path: "/plant/parts",
  });
});

test("an active recipe that is none of the recipes, and a name that two of them have, are refused", () => {
  expect(refusal(`${GOOD}activeRecipe: tile\n`)).toBe(
    '/plant/line1.yaml:8: activeRecipe: "tile" is none of the recipes: tiles',
  );
  const twice = GOOD.replace("recipes:", "recipes:\n  - { name: tiles, model: ../models/other }");
  expect(refusal(twice)).toContain('recipes.1.name: "tiles" is the name of two recipes');
});

test("a hub without the broker that would reach it is refused", () => {
  expect(refusal(`${GOOD}hub: {}\n`)).toBe(
    "/plant/line1.yaml:8: hub: a hub without url acknowledges over the broker; set hub.url or mqtt, or remove hub",
  );
});

test("a reserve or a quota that the journal would refuse at the start is refused here", () => {
  expect(refusal(`${GOOD}journal: { reserveBytes: 2000000 }\n`)).toContain(
    "journal.reserveBytes: Too small: expected number to be >=2359296",
  );
  expect(refusal(`${GOOD}journal: { maxBytes: 8000000 }\n`)).toContain(
    "/plant/line1.yaml:8: journal: the journal's quota must be at least 19145728 bytes",
  );
  expect(parse(`${GOOD}journal: { maxBytes: 8000000, reserveBytes: 2359296 }\n`).journal.maxBytes).toBe(8_000_000);
});

describe("a mistyped key is named with its line and the likely key", () => {
  test("at the top", () => {
    expect(refusal(`${GOOD}triger: { mode: external }\n`)).toBe(
      '/plant/line1.yaml:8: unknown key "triger"; did you mean "trigger"?',
    );
  });
  test("in a section", () => {
    expect(refusal(`${GOOD}http:\n  prot: 8081\n`)).toBe(
      '/plant/line1.yaml:9: http: unknown key "prot"; did you mean "port"?',
    );
  });
  test("in a list", () => {
    expect(refusal(GOOD.replace("    model:", "    modell:"))).toContain(
      '/plant/line1.yaml:7: recipes.0: unknown key "modell"; did you mean "model"?',
    );
  });
  test("in a camera, among the keys of its own type only", () => {
    expect(refusal(GOOD.replace("type: simulated", "type: v4l2\n  devise: /dev/video0"))).toBe(
      '/plant/line1.yaml:5: camera: unknown key "devise"; did you mean "device"?',
    );
    expect(refusal(GOOD.replace("type: simulated", "type: webcam\n  pipelin: x"))).toBe(
      '/plant/line1.yaml:5: camera: unknown key "pipelin"; remove it',
    );
  });
  test("in the reject signal", () => {
    expect(refusal(`${GOOD}rejectSignal:\n  type: modbus\n  host: io\n  passCoil: 0\n  puls: 50\n`)).toBe(
      '/plant/line1.yaml:12: rejectSignal: unknown key "puls"; did you mean "pulseMs"?',
    );
  });
  test("all mistakes are named at once", () => {
    expect(refusal(`${GOOD}triger: {}\nhtpp: {}\n`).split("\n")).toHaveLength(2);
  });
});

test("an unknown camera type lists the known ones and the likely one", () => {
  const sentence = refusal(GOOD.replace("type: simulated", "type: gstremer"));
  expect(sentence).toContain("/plant/line1.yaml:4: camera.type:");
  expect(sentence).toContain('did you mean "gstreamer"?');
  for (const type of ["simulated", "directory", "video", "rtsp", "http", "gstreamer", "v4l2", "webcam"])
    expect(sentence).toContain(type);
});

test("a value out of range is named with its line", () => {
  expect(refusal(`${GOOD}http: { port: 99999 }\n`)).toMatch(/^\/plant\/line1\.yaml:8: http\.port: .*65535/);
});

test("a missing section is named", () => {
  expect(refusal("device: a\nrecipes: [{ name: a, model: b }]\n")).toContain("camera");
});

test.each([
  ["mqtt: { url: mqtt://broker, root: a, password: hunter2 }", "mqtt.password"],
  ["http: { writeToken: hunter2 }", "http.writeToken"],
])("a secret in plain text is refused with the remedy and not repeated: %s", (line, key) => {
  const sentence = refusal(`${GOOD}${line}\n`);
  expect(sentence).toContain(`/plant/line1.yaml:8: ${key}: `);
  expect(sentence).toContain("{ env: NAME }");
  expect(sentence).toContain("{ file: PATH }");
  expect(sentence).not.toContain("hunter2");
});

test("a password in the broker's address is refused", () => {
  const sentence = refusal(`${GOOD}mqtt: { url: "mqtt://me:hunter2@broker", root: a }\n`);
  expect(sentence).toContain("mqtt.url");
  expect(sentence).not.toContain("hunter2");
});

test.each(["device: [", "device: a\n  camera: b", "a: 1\na: 2"])("broken YAML is refused with its line: %j", (text) => {
  expect(refusal(text)).toMatch(/^\/plant\/line1\.yaml:\d+: .+/);
});

test("an empty file is refused in a sentence", () => {
  expect(refusal("")).toMatch(/^\/plant\/line1\.yaml: .*empty/);
});

describe("on disk", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sightline-config-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("a file is read", async () => {
    await writeFile(join(folder, "device.yaml"), GOOD);
    expect((await loadDeviceConfig(join(folder, "device.yaml"))).dataDirectory).toBe(join(folder, "data"));
  });
  test("a missing file is refused with its name", async () => {
    const path = join(folder, "none.yaml");
    await expect(loadDeviceConfig(path)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      detail: expect.stringContaining(path),
    });
  });
  test("secrets come from the environment or a file, without the line end", async () => {
    await writeFile(join(folder, "token"), "s3cret\n");
    expect(await readSecret({ file: join(folder, "token") }, {})).toBe("s3cret");
    expect(await readSecret({ env: "TOKEN" }, { TOKEN: "s3cret" })).toBe("s3cret");
  });
  test("a secret that is not there is named", async () => {
    await expect(readSecret({ env: "TOKEN" }, {})).rejects.toThrow(/environment variable TOKEN is not set/);
    await expect(readSecret({ file: join(folder, "none") }, {})).rejects.toThrow(/secret file .*none cannot be read/);
  });
  test("an empty secret file is refused", async () => {
    await writeFile(join(folder, "token"), "\n");
    await expect(readSecret({ file: join(folder, "token") }, {})).rejects.toThrow(/is empty/);
  });
});
