import { mkdirSync } from "node:fs";
import { onTestFinished } from "vitest";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import type { Image } from "../../../src/imaging/image.ts";
import type { Journal } from "../../../src/pipeline/journal/journal.ts";
import { credentialPath, writeCredential } from "../../../src/pipeline/uplink/credential.ts";
import { Uplink, type UplinkOptions } from "../../../src/pipeline/uplink/uplink.ts";
import { BudgetOptions, CaseOptions } from "../../../src/pipeline/uplink/uplink-options.ts";
import type { Clock } from "../../../src/platform/clock.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { Logger } from "../../../src/platform/logger.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import type { FakeHub } from "../../support/fake-hub.ts";
import { journalIn } from "../journal/open-journal.ts";
import { sampleTrigger, sampleVerdict } from "../journal/sample-rows.ts";

export interface UplinkSettings {
  readonly cases?: Partial<CaseOptions>;
  readonly budget?: Partial<BudgetOptions>;
  readonly sendsVerdicts?: boolean;
  readonly timeZone?: string;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly enrolled?: boolean;
}

export interface OpenUplink {
  readonly uplink: Uplink;
  readonly journal: Journal;
  readonly bootSeq: number;
}

/** An enrolled device's uplink in `directory`; journal and uplink are stopped when the test ends. */
export async function uplinkTo(hub: FakeHub, directory: string, settings: UplinkSettings = {}): Promise<OpenUplink> {
  const { clock = systemClock, log = silentLogger, sendsVerdicts = false, timeZone } = settings;
  mkdirSync(directory, { recursive: true });
  if (settings.enrolled !== false) {
    const { credential } = hub;
    const enrolment = { hub: hub.url, device: "line-3", project: "tiles", line: "hall-2/line-4", credential };
    await writeCredential(credentialPath(directory), enrolment);
  }
  const journal = journalIn(directory, { hubConfigured: true, hubBehindBroker: false, brokerConfigured: false });
  const { bootSeq } = await journal.start();
  const options: UplinkOptions = {
    hub: { url: hub.url },
    dataDirectory: directory,
    sendsVerdicts,
    line: "",
    // A budget draws lots: how many of a test's frames are chosen would depend on the time of day.
    cases: CaseOptions.parse({ mostPerMinute: 6000, perHour: null, perDay: null, ...settings.cases }),
    budget: BudgetOptions.parse({ dailyCases: null, ...settings.budget }),
    timeZone,
    leaveFreeBytes: 1_000_000,
  };
  const uplink = new Uplink(options, { journal, clock, random: seededRandom(7), log });
  await uplink.start();
  onTestFinished(() => uplink.stop());
  return { uplink, journal, bootSeq };
}

/** Noise, never the same twice: 3 channels. */
export function noise(seed: number, widthPx = 64, heightPx = 48): Image {
  const random = seededRandom(seed);
  const pixels = Uint8Array.from({ length: widthPx * heightPx * 3 }, () => 40 + Math.floor(random() * 200));
  return { pixels, widthPx, heightPx, channels: 3 };
}

export const uncertain = (bootSeq: number, verdictSeq: number): Verdict => {
  const verdict = sampleVerdict(bootSeq, verdictSeq);
  return { ...verdict, verdict: "review", hardCase: ["uncertain"] } as Verdict; // of a judged one
};

export interface DecideSettings {
  readonly image?: Image;
  readonly embedding?: Float32Array | null;
  readonly metadata?: Record<string, string | number | boolean>;
  /** What the ledger says of the verdict; absent: it is asked. */
  readonly recording?: ReturnType<Journal["recordVerdict"]>;
}

/** What the line does with a decided part: choose, hand over, record. */
export function decide({ uplink, journal }: OpenUplink, verdict: Verdict, settings: DecideSettings = {}): void {
  const layers = [settings.metadata];
  const choice = uplink.choose(verdict, layers);
  const image = settings.image ?? noise(verdict.verdictSeq);
  const trigger = sampleTrigger();
  void journal.recordTrigger(trigger);
  const recording = settings.recording ?? journal.recordVerdict(trigger.triggerId, verdict);
  const frame = { verdict, image, embedding: settings.embedding ?? null, product: "tile", recording };
  uplink.decided(frame, choice, layers);
}
