import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { EmbeddedBroker } from "../../../src/edge/embedded-broker.ts";
import type { SqliteJournal } from "../../../src/pipeline/journal/sqlite-journal.ts";
import { VerdictPublisher } from "../../../src/pipeline/publish/verdict-publisher.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { journalIn, temporaryDirectory } from "../journal/open-journal.ts";
import { sampleTrigger, sampleVerdict } from "../journal/sample-rows.ts";
import { clientOf, Mosquitto, TestHub } from "./mosquitto.ts";
import { DEVICE, linkTo, publish, ROOT } from "./open-link.ts";

const ALL_RECORDED = new Set(["recorded"]);

async function record(journal: SqliteJournal, bootSeq: number, from: number, to: number): Promise<string[]> {
  const verdicts = Array.from({ length: to - from + 1 }, (_, n) => sampleVerdict(bootSeq, from + n));
  const results = verdicts.map((verdict) => journal.recordVerdict(sampleTrigger().triggerId, verdict));
  expect(new Set(await Promise.all(results))).toEqual(ALL_RECORDED);
  return verdicts.map(({ id }) => id);
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void; // what the flag exposes

const heapBytes = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

/** One after the other, or back to where something was missing; never on and leaving a gap for good. */
function expectInOrder(arrivals: readonly Verdict[]): void {
  const stored = new Set<number>();
  let contiguous = 0;
  let before = 0;
  for (const { verdictSeq } of arrivals) {
    if (verdictSeq < before) expect(verdictSeq).toBeLessThanOrEqual(contiguous + 1);
    stored.add(verdictSeq);
    while (stored.has(contiguous + 1)) contiguous++;
    before = verdictSeq;
  }
}

describe("the verdict publisher", () => {
  it("sends what was recorded while no broker was there, in order, with flat memory", async () => {
    const broker = await Mosquitto.prepare();
    const journal = journalIn(temporaryDirectory(), { hubConfigured: true });
    const { bootSeq } = await journal.start();
    const { publisher } = await publish(journal, broker.url, 1000);
    await record(journal, bootSeq, 1, 500);
    const heapBefore = heapBytes();
    for (let from = 501; from < 5000; from += 500) await record(journal, bootSeq, from, from + 499);
    expect(heapBytes() - heapBefore).toBeLessThan(512 * 1024); // their text alone has over 3 MB
    expect(journal.status().backlog).toBe(5000);
    expect(publisher.status()).toMatchObject({ inFlight: 0, published: 0 });

    await broker.start();
    const hub = await TestHub.connect(broker.url, ROOT);
    await expect.poll(() => hub.contiguous(bootSeq), { timeout: 30_000 }).toBe(5000);
    expectInOrder(hub.arrivals);
    await expect.poll(() => journal.status()).toMatchObject({ backlog: 0, unacknowledged: 0 });
  });

  it("keeps to the broker's receive maximum", async () => {
    const broker = await Mosquitto.start(["max_inflight_messages 5"]);
    const journal = journalIn(temporaryDirectory());
    const { bootSeq } = await journal.start();
    await record(journal, bootSeq, 1, 400);
    const { link, publisher } = await publish(journal, broker.url);
    let most = 0;
    while (journal.status().backlog > 0) {
      most = Math.max(most, publisher.status().inFlight);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(link.connection?.window).toBe(5);
    expect(most).toBe(5);
  });

  it("brings every verdict to the hub, and again from the first missing one, while the broker is killed under load", async () => {
    const broker = await Mosquitto.start();
    const journal = journalIn(temporaryDirectory(), { hubConfigured: true });
    const { bootSeq } = await journal.start();
    const hub = await TestHub.connect(broker.url, ROOT);
    await publish(journal, broker.url, 1000);
    const ids: string[] = [];
    for (let round = 0; round < 4; round++) {
      const writing = record(journal, bootSeq, round * 400 + 1, (round + 1) * 400);
      await broker.kill();
      ids.push(...(await writing));
      await broker.start();
      await expect.poll(() => hub.contiguous(bootSeq), { timeout: 20_000 }).toBeGreaterThan(round * 400);
    }
    await expect.poll(() => hub.contiguous(bootSeq), { timeout: 30_000 }).toBe(1600);
    expect([...hub.byId.keys()].toSorted()).toEqual(ids.toSorted());
    await expect.poll(() => journal.status()).toMatchObject({ backlog: 0, unacknowledged: 0 });
    expectInOrder(hub.arrivals);
  });

  it("sends again what the hub has not acknowledged in time, with the same ids", async () => {
    const broker = await Mosquitto.start();
    const journal = journalIn(temporaryDirectory(), { hubConfigured: true });
    const { bootSeq } = await journal.start();
    const hub = await TestHub.connect(broker.url, ROOT);
    hub.acknowledging = false;
    await publish(journal, broker.url, 200);
    const ids = await record(journal, bootSeq, 1, 20);
    await expect.poll(() => hub.arrivals.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(40);
    hub.acknowledging = true;
    await expect.poll(() => journal.status(), { timeout: 10_000 }).toMatchObject({ backlog: 0, unacknowledged: 0 });
    expect([...hub.byId.keys()]).toEqual(ids);
  });

  it("tries a refused verdict again, not hot, and says why", async () => {
    const acl = `topic readwrite #\ntopic deny ${ROOT}/${DEVICE}/verdict\n`;
    const broker = await Mosquitto.start(["acl_file DIRECTORY/acl"], { acl });
    const journal = journalIn(temporaryDirectory());
    const { bootSeq } = await journal.start();
    const { link, publisher } = await publish(journal, broker.url);
    await record(journal, bootSeq, 1, 50);
    let sent = 0;
    const connection = await new Promise<NonNullable<typeof link.connection>>((resolve) => {
      const look = (): void => (link.connection === undefined ? void setImmediate(look) : resolve(link.connection));
      look();
    });
    const original = connection.publish.bind(connection);
    connection.publish = (message) => (sent++, original(message));
    await expect
      .poll(() => publisher.status().refusal, { timeout: 10_000 })
      .toMatch(/does not let this device publish/);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(sent).toBeLessThan(30);
    expect(journal.status().backlog).toBe(50);
  });

  it("publishes through a broker of MQTT 3.1.1 too", async () => {
    const broker = new EmbeddedBroker(0);
    await broker.start();
    const journal = journalIn(temporaryDirectory());
    const { bootSeq } = await journal.start();
    const hub = await TestHub.connect(broker.url, ROOT, { protocolVersion: 4 });
    const { link, publisher } = await publish(journal, broker.url);
    const ids = await record(journal, bootSeq, 1, 300);
    await expect.poll(() => hub.arrivals.length, { timeout: 10_000 }).toBe(300);
    expect(hub.arrivals.map(({ id }) => id)).toEqual(ids);
    expect(link.status().protocol).toBe("MQTT 3.1.1");
    await publisher.stop();
    await link.stop();
    await broker.stop();
  });

  it("marks a verdict's schema and id in MQTT 5, and sends an unrecorded one live once", async () => {
    const broker = await Mosquitto.start();
    const journal = journalIn(temporaryDirectory());
    const { bootSeq } = await journal.start();
    const watcher = await clientOf(broker.url);
    const seen: unknown[] = [];
    watcher.on("message", (_topic, _payload, { properties, retain, qos }) =>
      seen.push({ ...properties?.userProperties, contentType: properties?.contentType, retain, qos }),
    );
    await watcher.subscribeAsync(`${ROOT}/${DEVICE}/verdict`, { qos: 1 });
    const { link, publisher } = await publish(journal, broker.url);
    const unrecorded = sampleVerdict(bootSeq, 2);
    publisher.publishUnrecorded(unrecorded);
    expect(publisher.status().unrecordedDropped).toBe(1); // no connection yet
    const [id] = await record(journal, bootSeq, 1, 1);
    await expect.poll(() => link.status().connected).toBe(true);
    await expect.poll(() => journal.status().backlog).toBe(0);
    publisher.publishUnrecorded(unrecorded);
    const marks = { schema: "verdict/1", contentType: "application/json", retain: false, qos: 1 };
    await expect
      .poll(() => seen)
      .toEqual([
        { ...marks, id },
        { ...marks, id: unrecorded.id },
      ]);
    expect(publisher.status()).toMatchObject({ published: 1, unrecordedSent: 1 });
  });

  it("stops in time where the disk with the verdicts does not answer", async () => {
    const broker = await Mosquitto.start();
    const link = linkTo(broker.url);
    const never = () => new Promise<never>(() => undefined);
    const nothing = () => undefined;
    const outbox = {
      ...{ unsent: never, resendUnacknowledged: never, markSentThrough: nothing, markAcknowledged: nothing },
      onRecorded: () => nothing,
      status: () => ({ backlog: 1, unacknowledged: 0 }),
    };
    const publisher = new VerdictPublisher({
      outbox,
      link,
      clock: systemClock,
      random: Math.random,
      logger: silentLogger,
      hub: null,
    });
    await link.start();
    await publisher.start();
    await expect.poll(() => link.status().connected).toBe(true);
    const startedAt = performance.now();
    await publisher.stop();
    expect(performance.now() - startedAt).toBeLessThan(4500);
  }, 15_000);
});
