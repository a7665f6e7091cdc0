import { SqliteJournal } from "../../../src/pipeline/journal/sqlite-journal.ts";
import { BrokerLink } from "../../../src/pipeline/publish/broker-link.ts";
import { VerdictPublisher } from "../../../src/pipeline/publish/verdict-publisher.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { sampleTrigger, sampleVerdict } from "../journal/sample-rows.ts";

/**
 * A device without camera: DIRECTORY URL ROOT DEVICE. Triggers every 2 ms, verdicts 3 ms later, until it is killed.
 * Prints {bootSeq, interrupted} first, then {recorded: verdict id} for each verdict the journal has confirmed.
 */
const [directoryPath = "", url = "", root = "", device = ""] = process.argv.slice(2);
const parts = { clock: systemClock, logger: silentLogger, random: Math.random };
const journal = new SqliteJournal({ directoryPath, hubConfigured: true }, parts);
const { bootSeq, interrupted } = await journal.start();
const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
print({ bootSeq, interrupted: interrupted.map(({ triggerId }) => triggerId) });

let verdictSeq = 0;
async function decide(triggerId: string): Promise<void> {
  const verdict = { ...sampleVerdict(bootSeq, ++verdictSeq), device };
  const result = await journal.recordVerdict(triggerId, verdict);
  if (result === "recorded") print({ recorded: verdict.id });
}
for (const { triggerId } of interrupted) void decide(triggerId);

let publisher: VerdictPublisher | undefined;
const link = new BrokerLink(
  { url, root, device, willDelayS: 0 },
  {
    ...parts,
    offlineState: () => ({
      schema: 1,
      device,
      state: "offline",
      bootSeq,
      at: new Date().toISOString(),
      recipe: null,
      model: null,
      provider: null,
      problems: [],
    }),
    onTrigger: async () => undefined,
    onCommand: async ({ id }) => ({ schema: 1, id, ok: true, message: "done" }),
    onAcknowledgement: (ack) => publisher?.acknowledged(ack),
  },
);
publisher = new VerdictPublisher({ outbox: journal, link, ...parts, hub: { acknowledgeWithinMs: 1000 } });
await link.start();
await publisher.start();
setInterval(() => {
  const trigger = sampleTrigger();
  void journal.recordTrigger(trigger);
  setTimeout(() => void decide(trigger.triggerId), 3);
}, 2);
