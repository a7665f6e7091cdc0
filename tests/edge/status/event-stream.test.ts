import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { Verdict } from "../../../src/contracts/verdict.ts";
import { StatusBody } from "../../../src/edge/status/api-schemas.ts";
import { EventStream } from "../../../src/edge/status/event-stream.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { FakeDevice } from "../../fakes/fake-device.ts";
import { readEvents } from "./read-events.ts";
import { serveFakeDevice, type ServedDevice } from "./serve-fake-device.ts";

const VerdictEvent = z.strictObject({ skipped: z.int(), verdict: Verdict });
let served: ServedDevice;

beforeEach(async () => {
  served = await serveFakeDevice();
});
afterEach(() => served.server.stop());

test("a new screen gets the status at once, and each verdict as it comes, in order", async () => {
  const seen: number[] = [];
  for await (const { event, id, data } of readEvents(served.url, { "last-event-id": "from-yesterday" })) {
    if (event === "status") {
      StatusBody.parse(data);
      if (seen.length === 0) served.device.inspect({ kind: "pass" });
      continue;
    }
    const { skipped, verdict } = VerdictEvent.parse(data);
    expect(id).toBe(verdict.id);
    expect(skipped).toBe(0);
    seen.push(verdict.verdictSeq);
    if (seen.length === 5) break;
    served.device.inspect({ kind: "reject" });
  }
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});

test("the status comes again without any part", async () => {
  let statuses = 0;
  for await (const { event } of readEvents(served.url)) {
    if (event === "status" && ++statuses === 3) break;
  }
  expect(statuses).toBe(3);
});

test("a burst is thinned to about twenty a second; the newest always arrives and the skipped are counted", async () => {
  let accounted = 0;
  let events = 0;
  let fed = false;
  const startedAt = performance.now();
  for await (const { event, data } of readEvents(served.url)) {
    if (!fed) {
      fed = true;
      for (let part = 0; part < 500; part++) served.device.inspect({ kind: "pass" });
    }
    if (event !== "verdict") continue;
    const { skipped, verdict } = VerdictEvent.parse(data);
    accounted += skipped + 1;
    events++;
    expect(accounted).toBe(verdict.verdictSeq);
    if (verdict.verdictSeq === 500) break;
  }
  expect(events).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 50);
});

test("a screen that leaves is forgotten", async () => {
  for await (const _first of readEvents(served.url)) break;
  served.device.inspect({ kind: "pass" });
  expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
});

/** The stream behind a bare HTTP server, so that its limits can be small. */
async function bareStream(device: FakeDevice, limits: { maxClients: number; stuckAfterMs: number }) {
  const events = new EventStream(device, limits, { clock: systemClock, log: silentLogger });
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    responses.push(response);
    events.add(response, {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  events.start();
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const stop = (): void => {
    events.stop();
    server.closeAllConnections();
    server.close();
  };
  return { events, responses, port: address.port, url: `http://127.0.0.1:${address.port}`, stop };
}

async function silentClient(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.pause();
  socket.on("error", () => undefined); // it will be cut off
  socket.write("GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
  return socket;
}

test("a screen that reads nothing costs a bounded buffer, is dropped in the end, and holds up nobody", async () => {
  const device = new FakeDevice();
  device.behaviour.historyMinutes = 100_000; // a status of ten megabytes fills the kernel's buffers at once
  const stream = await bareStream(device, { maxClients: 10, stuckAfterMs: 1_500 });
  const socket = await silentClient(stream.port);
  try {
    await expect.poll(() => stream.responses[0]?.writableLength).toBeGreaterThan(100_000);
    device.behaviour.historyMinutes = 1;
    const bufferedAtFirst = stream.responses[0]?.writableLength ?? 0;
    let delivered = 0;
    for await (const { event } of readEvents(stream.url)) {
      if (stream.events.clientCount === 1) break;
      for (let part = 0; part < 200; part++) device.inspect({ kind: "pass" });
      if (event === "verdict") delivered++;
      expect(stream.responses[0]?.writableLength ?? 0).toBeLessThanOrEqual(bufferedAtFirst);
    }
    expect(delivered).toBeGreaterThan(5);
    expect(stream.responses[0]?.destroyed).toBe(true);
  } finally {
    socket.destroy();
    stream.stop();
  }
});

test("there is a last seat", async () => {
  const stream = await bareStream(new FakeDevice(), { maxClients: 1, stuckAfterMs: 1_000 });
  const socket = await silentClient(stream.port);
  await expect.poll(() => stream.events.isFull()).toBe(true);
  socket.destroy();
  await expect.poll(() => stream.events.isFull()).toBe(false);
  stream.stop();
});

test("a status that cannot be read does not end the process, and the stream goes on", async () => {
  const device = new FakeDevice();
  const stream = await bareStream(device, { maxClients: 1, stuckAfterMs: 1_000 });
  const status = device.status.bind(device);
  let failures = 0;
  let statuses = 0;
  for await (const _event of readEvents(stream.url)) {
    if (++statuses === 2) break;
    device.status = () => {
      if (failures++ === 0) throw new Error("scripted");
      return status();
    };
  }
  expect(failures).toBe(2);
  stream.stop();
});
