import { onTestFinished } from "vitest";
import type { DeviceState } from "../../../src/contracts/device-state.ts";
import type { SqliteJournal } from "../../../src/pipeline/journal/sqlite-journal.ts";
import { BrokerLink, type BrokerLinkParts } from "../../../src/pipeline/publish/broker-link.ts";
import type { BrokerSettings } from "../../../src/pipeline/publish/broker-options.ts";
import { VerdictPublisher } from "../../../src/pipeline/publish/verdict-publisher.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";

export const ROOT = "plant/area/line";
export const DEVICE = "line-3";

export const deviceState = (state: DeviceState["state"], bootSeq = 1): DeviceState => ({
  schema: 1,
  device: DEVICE,
  state,
  bootSeq,
  at: new Date().toISOString(),
  recipe: null,
  model: null,
  provider: null,
  release: null,
  problems: [],
});

/** Not started; stopped when the test ends. Reconnects at once, as tests have no patience. */
export function linkTo(
  url: string,
  parts: Partial<BrokerLinkParts> = {},
  settings: Partial<BrokerSettings> = {},
): BrokerLink {
  const link = new BrokerLink(
    { url, root: ROOT, device: DEVICE, willDelayS: 0, ...settings },
    {
      clock: quickClock,
      random: Math.random,
      logger: silentLogger,
      offlineState: () => deviceState("offline"),
      onTrigger: async () => undefined,
      onCommand: async (command) => ({ schema: 1, id: command.id, ok: true, message: "done" }),
      onAcknowledgement: () => undefined,
      ...parts,
    },
  );
  onTestFinished(() => link.stop());
  return link;
}

/** Waits a tenth of the time. */
export const quickClock: typeof systemClock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / 10, signal),
};

export interface Publishing {
  readonly link: BrokerLink;
  readonly publisher: VerdictPublisher;
}

/** A started link and publisher for a started journal. */
export async function publish(
  journal: SqliteJournal,
  url: string,
  acknowledgeWithinMs: number | null = null,
): Promise<Publishing> {
  let publisher: VerdictPublisher | undefined;
  const link = linkTo(url, { onAcknowledgement: (ack) => publisher?.acknowledged(ack) });
  const hub = acknowledgeWithinMs === null ? null : { acknowledgeWithinMs };
  publisher = new VerdictPublisher({
    outbox: journal,
    link,
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
    hub,
  });
  const stopped = publisher;
  await link.start();
  await publisher.start();
  onTestFinished(() => stopped.stop());
  return { link, publisher };
}
