import { join } from "node:path";
import { expect, it } from "vitest";
import { Mosquitto, TestHub } from "../pipeline/publish/mosquitto.ts";
import { expectGapFree, expectSquare, readLedger } from "./support/ledger.ts";
import { jpegOf, put } from "./support/pictures.ts";
import { ROOT, Station, temporaryDirectory } from "./support/station.ts";

/** Frames of this size that stayed in memory for the outage would take twenty times the limit. */
const FRAME = { widthPx: 640, heightPx: 480, grey: 128 };
const OUTAGE_VERDICTS = 1000;
const MOST_GROWTH_BYTES = 100e6;

it(
  "loses nothing, keeps its order and its memory while the broker is killed under load and away",
  { timeout: 180_000 },
  async () => {
    const pictures = temporaryDirectory();
    for (const at of [0, 1, 2, 3])
      put(join(pictures, `part-${at}.jpg`), await jpegOf({ ...FRAME, grey: FRAME.grey + at }));
    const broker = await Mosquitto.start(["max_queued_messages 0"]);
    const hub = await TestHub.connect(broker.url, ROOT);
    const station = new Station({
      camera: { type: "directory", path: pictures, mode: "loop" },
      mqtt: { url: broker.url, root: ROOT },
      hub: { acknowledges: true },
      drift: { enabled: false }, // four pictures over and over are no line; which of them are judged follows the load
    });
    const boot = await station.boot();
    await expect.poll(() => hub.byId.size, { timeout: 30_000 }).toBeGreaterThan(200);

    await broker.kill();
    await expect
      .poll(() => boot.status(), { timeout: 10_000 })
      .toMatchObject({ state: "degraded", problems: [{ code: "broker-away" }] });
    expect((await boot.get("/readyz")).status, "it goes on inspecting").toBe(200);
    const backlog = async (): Promise<number> => (await boot.status()).broker.backlog;
    await expect.poll(backlog, { timeout: 60_000 }).toBeGreaterThan(OUTAGE_VERDICTS / 4);
    const rssAtFirst = boot.rssBytes();
    await expect.poll(backlog, { timeout: 60_000 }).toBeGreaterThan(OUTAGE_VERDICTS);
    expect(boot.rssBytes() - rssAtFirst).toBeLessThan(MOST_GROWTH_BYTES);

    await broker.start();
    await expect.poll(backlog, { timeout: 60_000 }).toBeLessThan(100);
    await expect.poll(async () => (await boot.status()).state, { timeout: 10_000 }).toBe("inspecting");
    expect(await boot.stop()).toMatchObject({ code: 0 });

    const ledger = readLedger(station.dataDirectory);
    expectSquare(ledger);
    expect(ledger.verdicts.filter(({ verdict }) => verdict === "fault")).toEqual([]);
    await expect.poll(() => hub.byId.size, { timeout: 90_000 }).toBe(ledger.verdicts.length);
    const distinct = [...hub.byId.values()];
    expect(distinct).toEqual(ledger.verdicts);
    expectGapFree(distinct);
  },
);
