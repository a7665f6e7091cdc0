import { expect, it } from "vitest";
import type { Verdict } from "../../src/contracts/verdict.ts";
import { Mosquitto } from "../pipeline/publish/mosquitto.ts";
import { expectGapFree, expectSquare, readLedger, type Ledger } from "./support/ledger.ts";
import { commandLine, ROOT, SMALL_PARTS, Station } from "./support/station.ts";
import { Subscriber } from "./support/subscriber.ts";

/** The long form is SIGHTLINE_KILLS=50. */
const KILLS = Number(process.env["SIGHTLINE_KILLS"] ?? 6);
const LONGEST_LIFE_MS = 600;

/** A part whose trigger an earlier boot recorded can only be answered as interrupted, and nothing else is. */
function expectInterruptedAreFaults({ triggers, verdicts, boots }: Ledger): number {
  const byId = new Map(verdicts.map((verdict) => [verdict.id, verdict]));
  const wrong: unknown[] = [];
  let interrupted = 0;
  for (const { receivedAt, verdictIds } of triggers) {
    const verdict = byId.get(verdictIds[0] ?? "");
    if (verdict === undefined) continue;
    const isOfEarlierBoot = receivedAt < (boots.get(verdict.bootSeq) ?? "");
    const isInterrupted = verdict.verdict === "fault" && verdict.reason === "interrupted";
    if (isOfEarlierBoot !== isInterrupted) wrong.push({ receivedAt, verdict });
    if (isInterrupted) interrupted++;
  }
  expect(wrong).toEqual([]);
  return interrupted;
}

const ids = (verdicts: Iterable<Verdict>): string[] => [...verdicts].map(({ id }) => id).sort();

it(
  `brings every verdict of the ledger to the subscriber over ${KILLS} kills of the device`,
  { timeout: 60_000 + KILLS * 10_000 },
  async () => {
    const broker = await Mosquitto.start(["max_queued_messages 0"]);
    const station = new Station({
      camera: { ...SMALL_PARTS, asFastAsPossible: true },
      mqtt: { url: broker.url, root: ROOT },
    });
    let plc = await Subscriber.connectPersistently(broker.url, "plc");
    const received = new Map<string, Verdict>();
    for (let kill = 1; kill <= KILLS; kill++) {
      const boot = await station.boot();
      expect(boot.bootSeq).toBe(kill);
      const children = boot.children("inference-process");
      expect(children).toHaveLength(1);
      await expect
        .poll(() => plc.arrivals.some(({ bootSeq }) => bootSeq === kill), { timeout: 20_000, interval: 5 })
        .toBe(true);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS)); // a moment nobody chose
      if (kill % 3 === 0) {
        // The subscriber is cut off as well; the broker keeps what it misses.
        await plc.client.endAsync(true);
        for (const [id, verdict] of plc.byId) received.set(id, verdict);
      }
      await boot.kill();
      if (kill % 3 === 0) plc = await Subscriber.connectPersistently(broker.url, "plc");
      await expect.poll(() => children.filter((pid) => commandLine(pid) !== ""), { timeout: 10_000 }).toEqual([]);
    }
    const last = await station.boot();
    await expect.poll(async () => (await last.status()).broker.backlog, { timeout: 60_000 }).toBeLessThan(100);
    expect(await last.stop()).toMatchObject({ code: 0 });

    const ledger = readLedger(station.dataDirectory);
    const seen = (): Verdict[] => [...new Map([...received, ...plc.byId]).values()];
    await expect.poll(() => seen().length, { timeout: 30_000 }).toBe(ledger.verdicts.length);
    expect(ids(seen())).toEqual(ids(ledger.verdicts));
    expectGapFree(seen());
    expectSquare(ledger);
    expect([...ledger.boots.keys()]).toEqual(Array.from({ length: KILLS + 1 }, (_, boot) => boot + 1));
    const interrupted = expectInterruptedAreFaults(ledger);
    console.info(
      `${KILLS} kills: ${ledger.verdicts.length} verdicts, ${interrupted} of them interrupted, ${plc.arrivals.length} arrivals since the last cut`,
    );
  },
);
