import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseHubConfig } from "../../src/hub/hub-config.ts";
import { startHub } from "../../src/hub/hub.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/logger.ts";
import { jpegOf } from "./support/hard-cases.ts";
import { errorOf, HubUnderTest, sha256Of, temporaryFolder } from "./support/running-hub.ts";

test("lives, is ready, and counts what arrives", async () => {
  const hub = await HubUnderTest.start();
  expect(await (await hub.fetch("/healthz")).json()).toEqual({ ok: true });
  expect(await (await hub.fetch("/readyz")).json()).toEqual({ ready: true, reasons: [] });
  const sender = await hub.enrol("station-1");
  const image = await jpegOf(1);
  await sender.putImage(image);
  await sender.putImage(image);
  const metrics = await (await hub.fetch("/metrics")).text();
  expect(metrics).toContain('sightline_hub_images_total{stored="new"} 1');
  expect(metrics).toContain('sightline_hub_images_total{stored="known"} 1');
  expect(metrics).toContain(`sightline_hub_image_bytes_total ${image.length}`);
  expect(metrics).toContain('route="/api/v1/images/:sha256"');
});

test("documents every route, and says where it is when there is none", async () => {
  const hub = await HubUnderTest.start();
  const document = (await (await hub.fetch("/api/docs/json")).json()) as { paths: Record<string, object> };
  for (const path of ["/api/v1/enrol", "/api/v1/images/{sha256}", "/api/v1/cases/{id}", "/api/v1/verdicts"]) {
    expect(Object.keys(document.paths)).toContain(path);
  }
  expect(await errorOf(await hub.fetch("/api/v1/nothing"))).toEqual({
    status: 404,
    code: "NOT_FOUND",
    message: "There is nothing at GET /api/v1/nothing; /api/docs lists what there is.",
  });
});

test("every answer forbids what a page of ours never does", async () => {
  const hub = await HubUnderTest.start();
  for (const path of ["/healthz", "/api/v1/nothing", "/api/v1/devices"]) {
    const { headers } = await hub.fetch(path);
    expect(headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("cache-control")).toBe("no-store");
  }
});

test("a hub without users makes one administrator, once, with a password that is good for one sign-in", async () => {
  const folder = temporaryFolder();
  const config = parseHubConfig(JSON.stringify({ dataDirectory: "data", http: { port: 0 } }), join(folder, "hub.yaml"));
  const admins: { readonly name: string; readonly password: string }[] = [];
  const start = () =>
    startHub(config, {
      ...{ clock: systemClock, log: silentLogger, environment: {} },
      onFirstAdmin: (admin) => void admins.push(admin),
    });
  const first = await start();
  const response = await fetch(`${first.url}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(admins[0]),
  });
  expect(await response.json()).toMatchObject({ user: "admin", role: "admin", passwordChangeNeeded: true });
  await first.stop();
  await (await start()).stop();
  expect(admins).toHaveLength(1);
});

test("a stopping hub answers what is under way, and does not wait for connections over which nothing was asked", async () => {
  const hub = await HubUnderTest.start();
  const { port } = new URL(hub.url);
  const silent = connect(Number(port), "127.0.0.1");
  await once(silent, "connect");
  const sender = await hub.enrol("station-1");
  const image = await jpegOf(2);
  const put = request(`${hub.url}/api/v1/images/${sha256Of(image)}`, {
    method: "PUT",
    headers: {
      authorization: `Bearer ${sender.credential}`,
      "content-type": "image/jpeg",
      "content-length": image.length,
    },
  });
  const answered = once(put, "response");
  put.write(image.subarray(0, 100));
  await systemClock.sleep(200); // until the hub has the beginning
  const stopped = hub.hub.stop();
  await systemClock.sleep(200);
  put.end(image.subarray(100));
  const [response] = (await answered) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  response.resume();
  // Node itself looks for silent connections every half minute.
  expect(await Promise.race([stopped.then(() => "stopped"), systemClock.sleep(15_000)])).toBe("stopped");
  silent.destroy();
});

test("a database that cannot be opened, and a taken port, are said in a sentence", async () => {
  const folder = temporaryFolder();
  const parts = { clock: systemClock, log: silentLogger, environment: {} };
  const path = join(folder, "hub.yaml");
  writeFileSync(join(folder, "broken"), "this is no database, whatever its name says; it is long enough to be read");
  const broken = parseHubConfig(
    JSON.stringify({ dataDirectory: ".", http: { port: 0 }, database: { engine: "sqlite", path: "broken" } }),
    path,
  );
  await expect(startHub(broken, parts)).rejects.toThrow(
    /the database .*broken cannot be opened \(file is not a database/,
  );
  const hub = await HubUnderTest.start();
  const port = Number(new URL(hub.url).port);
  const taken = parseHubConfig(JSON.stringify({ dataDirectory: "data", http: { port } }), path);
  await expect(startHub(taken, parts)).rejects.toThrow(new RegExp(`port ${port} of 127.0.0.1 cannot be used`));
});
