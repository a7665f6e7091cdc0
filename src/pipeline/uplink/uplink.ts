import { join } from "node:path";
import { messageOf } from "../../contracts/errors.ts";
import type { CaseMetadata } from "../../contracts/hub-case.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import type { Clock, WallClockMs } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Service } from "../../platform/services.ts";
import type { Journal } from "../journal/journal.ts";
import { Bandwidth } from "./bandwidth.ts";
import { CaseIntake, LOST } from "./case-intake.ts";
import { caseMetadata } from "./case-metadata.ts";
import { CaseSender } from "./case-sender.ts";
import { CaseChooser } from "./case-chooser.ts";
import { NOTHING_SEEN, type Sight } from "./case-reasons.ts";
import { priorityOf, type CaseChoice } from "./choose-case.ts";
import { credentialPath } from "./credential.ts";
import type { DecidedFrame } from "./decided-frame.ts";
import { HubClient, type HubAddress } from "./hub-client.ts";
import { HubLink } from "./hub-link.ts";
import { localClock } from "./local-time.ts";
import { OrderBook } from "./order-book.ts";
import { RecentFrames, type RecentFrame } from "./recent-frames.ts";
import { ReportSender } from "./report-sender.ts";
import { Spool } from "./spool.ts";
import type { SpoolFigures } from "./spool-messages.ts";
import type { BudgetOptions, CaseOptions } from "./uplink-options.ts";
import { uplinkProblem, type UplinkProblem } from "./uplink-problem.ts";
import { VerdictSender } from "./verdict-sender.ts";

const TIDY_MS = 15_000;
/** Of what was chosen this hour and day, in the queue's database: a restart brings no new budget. */
const BUDGET_KEY = "case-budget";

export interface UplinkOptions {
  readonly hub: HubAddress;
  readonly dataDirectory: string;
  /** Verdict rows go to the hub, too. */
  readonly sendsVerdicts: boolean;
  /** Of cases; empty: the one the hub named at enrolment. */
  readonly line: string;
  readonly cases: CaseOptions;
  readonly budget: BudgetOptions;
  readonly timeZone: string | undefined;
  /** Of the disk, for verdicts. */
  readonly leaveFreeBytes: number;
}

export interface UplinkParts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

export interface UplinkStatus {
  readonly url: string;
  readonly enrolled: boolean;
  readonly connected: boolean;
  /** Cases on disk that the hub does not have yet. */
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly oldestAtMs: number | null;
  /** Of the waiting, those the hub has declined. */
  readonly refused: number;
  readonly sent: number;
  readonly sentBytes: number;
  /** Given up for lack of space, since the queue was begun. */
  readonly lost: number;
  /** Chosen and not kept in this boot: too many at once, masks that do not fit, an encoder or disk that failed. */
  readonly leftOut: number;
  /** Why nothing is sent now although the hub could be asked, or null. */
  readonly hold: string | null;
  readonly problem: UplinkProblem | null;
}

/**
 * `queued`: its picture is on its way; `added`: it waits already and now says so; `told`: the hub has it and is told;
 * `gone`: the picture is kept no more.
 */
export type FlagOutcome = "queued" | "added" | "told" | "gone";

/** Its metadata is put together when somebody asks for it: most frames nobody asks for. */
interface KeptFrame extends RecentFrame, Omit<DecidedFrame, "metadata"> {
  readonly layers: readonly (CaseMetadata | undefined)[];
  readonly decidedAt: WallClockMs;
  /** It was chosen with its verdict. */
  readonly isChosen: boolean;
}

/** The device's side of the hub: which frames go there, the queue they wait in, and the ways there and back. */
export class Uplink implements Service {
  readonly name = "uplink";
  readonly #options: UplinkOptions;
  readonly #with: UplinkParts;
  readonly #spool: Spool;
  readonly #client: HubClient;
  readonly #link: HubLink;
  readonly #orders: OrderBook;
  readonly #intake: CaseIntake;
  readonly #chooser: CaseChooser;
  readonly #cases: CaseSender;
  readonly #verdicts: VerdictSender | null;
  readonly #recent: RecentFrames<KeptFrame>;
  readonly #reports: ReportSender;
  readonly #localTime: ReturnType<typeof localClock>;
  readonly #stopping = new AbortController();
  #tending: Promise<void> = Promise.resolve();
  #keptBudget = "";

  constructor(options: UplinkOptions, parts: UplinkParts) {
    const { clock, random, log, journal } = parts;
    this.#options = options;
    this.#with = parts;
    this.#localTime = localClock(options.timeZone);
    const { cases, budget, dataDirectory, leaveFreeBytes } = options;
    const folder = { directoryPath: join(dataDirectory, "uplink"), maxBytes: cases.spoolBytes, leaveFreeBytes };
    this.#spool = new Spool(folder, clock);
    this.#client = new HubClient(options.hub, new Bandwidth(budget.bytesPerSecond, clock));
    const at = { client: this.#client, credentialPath: credentialPath(dataDirectory) };
    this.#link = new HubLink({ ...at, clock, random, log });
    const { spool, link } = { spool: this.#spool, link: this.#link };
    const common = { spool, link, clock, random, log };
    this.#orders = new OrderBook({ ...common, onChange: () => this.#cases.limitsChanged() });
    const limits = (): OrderBook["limits"] => this.#orders.limits;
    const onSent = (orders: readonly string[]): void => this.#orders.taken(orders);
    this.#cases = new CaseSender({ ...common, budget, limits, onSent, localTime: this.#localTime });
    this.#verdicts = options.sendsVerdicts ? new VerdictSender({ journal, link, spool, clock, log }) : null;
    this.#intake = new CaseIntake({
      ...{ spool, clock, log, options: cases },
      mostBytes: budget.dailyBytes ?? Infinity,
      line: options.line,
      onAdded: () => this.#cases.notice(),
    });
    this.#chooser = new CaseChooser({
      ...{ options: cases, budget, limits, clock, localTime: this.#localTime },
      room: this.#intake,
    });
    this.#recent = new RecentFrames(cases.recentBytes);
    this.#reports = new ReportSender({ link, clock });
  }

  /** Never fails: without a disk or a hub the line goes on, and the status says so. */
  async start(): Promise<void> {
    this.#tending = this.#tend(this.#stopping.signal);
    this.#verdicts?.start();
    this.#cases.start();
    this.#reports.start();
  }

  async stop(): Promise<void> {
    await this.#intake.stop();
    this.#stopping.abort();
    await Promise.all([
      this.#reports.stop(),
      this.#cases.stop(),
      this.#verdicts?.stop(),
      this.#orders.stop(),
      this.#tending,
    ]);
    this.#client.close();
    await this.#spool.close();
  }

  /** Whether and why this frame goes to the hub. `layers`: of metadata that come with it. */
  choose(
    verdict: Verdict,
    layers: readonly (CaseMetadata | undefined)[],
    sight: Sight = NOTHING_SEEN,
  ): CaseChoice | null {
    const now = this.#with.clock.wallNow();
    return this.#chooser.choose(verdict, sight, {
      orders: this.#orders.active(now),
      labels: this.#orders.labels,
      metadata: () => this.#metadata(layers, now),
    });
  }

  /** Returns at once; holds references to the pixels, no copies. */
  decided(
    frame: Omit<DecidedFrame, "metadata">,
    choice: CaseChoice | null,
    layers: readonly (CaseMetadata | undefined)[],
  ): void {
    const { recentBytes, priority } = this.#options.cases;
    const decidedAt = this.#with.clock.wallNow();
    if (recentBytes > 0) {
      const embedding = frame.embedding?.slice() ?? null; // a view would hold all that the inference returned
      const bytes = frame.image.pixels.length;
      const isChosen = choice !== null;
      this.#recent.add({ ...frame, embedding, layers, decidedAt, verdictId: frame.verdict.id, bytes, isChosen });
    }
    if (choice === null) return;
    const whole: DecidedFrame = { ...frame, metadata: this.#metadata(layers, decidedAt) };
    this.#intake.offer({ frame: whole, choice, priority: priorityOf(choice.reasons, priority) });
  }

  /** A person asks for this part to be looked at. */
  async flag(verdictId: string, by: string, note: string): Promise<FlagOutcome> {
    const said: CaseMetadata = {
      ...(by === "" ? {} : { flaggedBy: by }),
      ...(note === "" ? {} : { flagNote: note.slice(0, 256) }),
    };
    const priority = priorityOf(["operator"], this.#options.cases.priority);
    const recent = this.#recent.get(verdictId); // it may leave memory while the disk is asked
    const addition = { reasons: ["operator" as const], metadata: said, priority };
    const asked = this.#spool.ask({ kind: "merge", id: verdictId, addition });
    const place = await asked.catch(() => "absent" as const);
    if (place !== "absent") {
      this.#cases.notice();
      return place === "waiting" ? "added" : "told";
    }
    if (recent === undefined) return "gone";
    const reasons = [...new Set([...recent.verdict.hardCase, "operator" as const])];
    const frame = { ...recent, metadata: { ...this.#metadata(recent.layers, recent.decidedAt), ...said } };
    const choice = { reasons, selectionProbability: null, orders: [] };
    return this.#intake.offer({ frame, choice, priority }) ? "queued" : "gone";
  }

  /**
   * A model that is tried judged this part differently. Known only after the verdict, so the frame is taken from memory
   * where it is still there; one that was chosen already says so.
   */
  disagreed(verdictId: string, candidate: string): void {
    const { reasons: wanted, priority } = this.#options.cases;
    const recent = this.#recent.get(verdictId);
    if (recent === undefined || !wanted.includes("disagreement")) return;
    // One that was chosen is there already and only gets the reason; another takes its chance within the budget. It has
    // no probability: estimates rest on the lots that were drawn with the verdict.
    if (!recent.isChosen && !this.#chooser.takesDisagreement(recent.verdict)) return;
    const reasons = [...new Set([...recent.verdict.hardCase, "disagreement" as const])];
    const metadata = { ...this.#metadata(recent.layers, recent.decidedAt), candidateVerdict: candidate };
    const choice = { reasons, selectionProbability: null, orders: [] };
    const frame = { ...recent, metadata, disagreement: true };
    this.#intake.offer({ frame, choice, priority: priorityOf(reasons, priority) });
  }

  /** Sends the newest of its kind to the hub when that can be asked. */
  report(path: string, body: object): void {
    this.#reports.send(path, JSON.stringify(body));
  }

  status(): UplinkStatus {
    const figures: SpoolFigures | undefined = this.#spool.figures;
    const { skipped, keptBack, failed } = this.#intake.status;
    return {
      url: this.#options.hub.url,
      enrolled: this.#link.credential !== null,
      connected: this.#link.pause.connected,
      waiting: figures?.cases ?? 0,
      waitingBytes: figures?.bytes ?? 0,
      oldestAtMs: figures?.oldestAtMs ?? null,
      refused: figures?.refused ?? 0,
      sent: figures?.sentCases ?? 0,
      sentBytes: figures?.sentBytes ?? 0,
      lost: figures?.lostCases ?? 0,
      leftOut: skipped + keptBack + failed,
      hold: this.#cases.hold,
      problem: uplinkProblem({
        url: this.#options.hub.url,
        credentialTrouble: this.#link.credentialTrouble,
        trouble: this.#link.pause.trouble,
        troubleMs: this.#link.pause.troubleMs,
        declinedCase: this.#cases.lastRefusal,
        declinedVerdicts: this.#verdicts?.declined ?? null,
        keptBack,
      }),
    };
  }

  #metadata(layers: readonly (CaseMetadata | undefined)[], at: WallClockMs): CaseMetadata {
    const { shifts, metadata } = this.#options.cases;
    const localTime = this.#localTime(at);
    return caseMetadata({ shifts, localTime, layers: [metadata, ...layers] });
  }

  /** Opens the queue, and keeps it from filling a disk that others fill. */
  async #tend(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#with;
    let isOpen = false;
    while (!signal.aborted) {
      try {
        if (!isOpen) await this.#open();
        isOpen = true;
        await this.#keepBudget();
        const lost = await this.#spool.ask({ kind: "tidy", atMs: clock.wallNow() });
        if (lost.length > 0) log.warn({ lost: lost.map(({ id, cause }) => ({ id, cause })) }, LOST);
      } catch (error) {
        if (!signal.aborted) log.error({ reason: messageOf(error) }, "the queue to the hub cannot be used");
      }
      await clock.sleep(TIDY_MS, signal).catch(() => undefined);
    }
  }

  async #keepBudget(): Promise<void> {
    const json = JSON.stringify(this.#chooser.kept);
    if (json === this.#keptBudget) return;
    await this.#spool.ask({ kind: "keep", key: BUDGET_KEY, json });
    this.#keptBudget = json;
  }

  async #open(): Promise<void> {
    const { log } = this.#with;
    const { lost, orphans, setAside } = await this.#spool.open();
    if (setAside !== null)
      log.error({ setAside }, "the queue to the hub was damaged and is put aside; a new one is begun");
    if (orphans > 0) log.info({ images: orphans }, "images of an interrupted start were removed");
    if (lost.length > 0) log.error({ lost: lost.map(({ id }) => id) }, "the disk has lost images of hard cases");
    const used = await this.#spool.ask({ kind: "kept", key: BUDGET_KEY });
    if (used !== null) this.#chooser.restore(used);
    this.#orders.start();
    this.#cases.notice();
  }
}
