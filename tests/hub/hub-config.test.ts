import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadHubConfig, parseHubConfig } from "../../src/hub/hub-config.ts";
import { databaseSettings, objectStoreSettings } from "../../src/hub/store-settings.ts";

const parse = (text: string) => parseHubConfig(text, "/etc/sightline/hub.yaml");

test("an almost empty file is a hub on SQLite and a folder, seen by this machine only", () => {
  expect(parse("dataDirectory: /var/lib/sightline-hub")).toMatchObject({
    dataDirectory: "/var/lib/sightline-hub",
    http: { host: "127.0.0.1", port: 8090, trustProxy: false },
    database: { engine: "sqlite", path: "/var/lib/sightline-hub/hub.sqlite" },
    images: { type: "folder", path: "/var/lib/sightline-hub/images" },
    oidc: null,
  });
});

test("the file beside the deployment is valid", async () => {
  const path = fileURLToPath(new URL("../../deploy/hub/hub.yaml", import.meta.url));
  expect(await loadHubConfig(path)).toMatchObject({ database: { engine: "sqlite" }, images: { type: "folder" } });
});

test("secrets come from files and the environment, relative to the configuration", async () => {
  const config = parse(`
database: { engine: postgres, url: "postgres://hub@db.plant/hub", password: { env: DB_PASSWORD } }
images:
  type: s3
  bucket: cases
  endpoint: https://s3.plant.example
  credentials: { accessKeyId: { env: KEY }, secretAccessKey: { file: secrets/s3 } }`);
  const environment = { DB_PASSWORD: "p@ss/word", KEY: "AKIA" };
  expect(await databaseSettings(config.database, environment)).toEqual({
    engine: "postgres",
    url: "postgres://hub:p%40ss%2Fword@db.plant/hub",
    connections: 10,
  });
  expect(config.images).toMatchObject({ credentials: { secretAccessKey: { file: "/etc/sightline/secrets/s3" } } });
  await expect(objectStoreSettings(config.images, environment)).rejects.toThrow(/secrets\/s3 cannot be read/);
});

describe("mistakes are named with their line, all at once", () => {
  test.each([
    ["databse: {}", /hub.yaml:1: unknown key "databse"; did you mean "database"\?/],
    ["database: { engine: sqllite }", /hub.yaml:1: database.engine: .*did you mean "sqlite"\?/],
    ['database: { engine: postgres, url: "postgres://hub:secret@db/hub" }', /database.url: .*without a password/],
    ["http: { port: 99999 }", /http.port/],
    ["images: { type: s3, bucket: cases, credentials: { accessKeyId: AKIA } }", /a secret is never written here/],
    ["limits: { imageBytes: 1 }", /limits.imageBytes/],
    ["http: { publicUrl: 'https://hub.example/path' }", /without a path/],
    [
      "oidc: { issuer: 'https://id.example', clientId: x, clientSecret: { env: Y } }",
      /http.publicUrl: is needed for OpenID Connect/,
    ],
    ["dataDirectory: [", /not YAML/],
  ])("%s", (text, sentence) => {
    expect(() => parse(text)).toThrow(sentence);
  });
});
