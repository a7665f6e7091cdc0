import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { FAULT_REASONS, VERDICT_KINDS, type Verdict } from "../../contracts/verdict.ts";

/** What a scrape reads of the device besides what verdicts told. Totals count since this start. */
export interface MetricsReading {
  readonly triggersTotal: number;
  readonly pendingTriggers: number;
  readonly cameraRestartsTotal: number;
  readonly cameraStallsTotal: number;
  readonly cameraResizesTotal: number;
  readonly inferenceRestartsTotal: number;
  readonly journalRestartsTotal: number;
  readonly unreadableMessagesTotal: number;
  readonly publishedVerdictsTotal: number;
  readonly verdictsInFlight: number;
  readonly unrecordedSentTotal: number;
  readonly unrecordedDroppedTotal: number;
  /** Since 1970; 0 before the first frame. */
  readonly lastFrameAtMs: number;
  readonly brokerConnected: boolean;
  readonly backlogVerdicts: number;
  readonly unrecordedVerdictsTotal: number;
  readonly refusedVerdictsTotal: number;
  /** Of the ledger on disk, earlier starts included. */
  readonly ledgerTriggers: number;
  readonly ledgerVerdicts: number;
  readonly journalBytes: number;
  readonly gatePassesTotal: number;
  readonly gateMissedPassesTotal: number;
  readonly gateOverlapsTotal: number;
  readonly gateLateWritesTotal: number;
  readonly hubCasesWaiting: number;
  readonly hubBytesWaiting: number;
  readonly hubCasesSentTotal: number;
  readonly hubCasesLostTotal: number;
  readonly hubCasesLeftOutTotal: number;
  readonly driftAlarmsTotal: number;
  readonly driftAlarmsOpen: number;
  /** 0 to 1. */
  readonly driftCloseness: number;
  readonly driftLearntFrames: number;
  readonly certificateValid: number;
  readonly eventLoopP99Ms: number;
  readonly framesPerSecond: number;
}

type ReadingKey = Exclude<keyof MetricsReading, "brokerConnected">;

const TOTALS: readonly (readonly [name: string, key: ReadingKey, help: string])[] = [
  ["sightline_triggers_total", "triggersTotal", "Triggers received since this start; equals verdicts + pending"],
  ["sightline_camera_restarts_total", "cameraRestartsTotal", "Restarts of the camera since this start"],
  ["sightline_camera_stalls_total", "cameraStallsTotal", "Times that the camera fell silent without an error"],
  ["sightline_camera_resizes_total", "cameraResizesTotal", "Times that the camera changed the size of its frames"],
  ["sightline_journal_restarts_total", "journalRestartsTotal", "Restarts of the journal's worker since this start"],
  ["sightline_unreadable_messages_total", "unreadableMessagesTotal", "MQTT messages to the device that did not fit"],
  [
    "sightline_published_verdicts_total",
    "publishedVerdictsTotal",
    "Verdicts the broker took; one sent twice counts twice",
  ],
  ["sightline_unrecorded_sent_total", "unrecordedSentTotal", "Verdicts on no disk that the broker took"],
  ["sightline_unrecorded_dropped_total", "unrecordedDroppedTotal", "Verdicts on no disk that the broker did not take"],
  [
    "sightline_inference_restarts_total",
    "inferenceRestartsTotal",
    "Restarts of the inference process since this start",
  ],
  ["sightline_unrecorded_verdicts_total", "unrecordedVerdictsTotal", "Verdicts that could not be written to disk"],
  [
    "sightline_refused_verdicts_total",
    "refusedVerdictsTotal",
    "Second verdicts of a trigger that the ledger turned away",
  ],
];
/** The first two are of the queue on disk, earlier starts included. */
const HUB_TOTALS: typeof TOTALS = [
  ["sightline_hub_cases_sent_total", "hubCasesSentTotal", "Hard cases the hub has taken"],
  ["sightline_hub_cases_lost_total", "hubCasesLostTotal", "Hard cases given up for lack of space"],
  ["sightline_hub_cases_left_out_total", "hubCasesLeftOutTotal", "Hard cases chosen and not kept, since this start"],
];
const DRIFT_TOTALS: typeof TOTALS = [
  ["sightline_drift_alarms_total", "driftAlarmsTotal", "Drift alarms since this start"],
];
const GATE_TOTALS: typeof TOTALS = [
  ["sightline_gate_passes_total", "gatePassesTotal", "Passes put on the reject signal in time"],
  ["sightline_gate_missed_passes_total", "gateMissedPassesTotal", "Passes that were not: those parts are rejected"],
  ["sightline_gate_overlaps_total", "gateOverlapsTotal", "Verdicts that came while the pulse before still stood"],
  [
    "sightline_gate_late_writes_total",
    "gateLateWritesTotal",
    "Writes to the reject signal that took longer than a pulse",
  ],
];
const GAUGES: readonly (readonly [name: string, key: ReadingKey, help: string, scale: number])[] = [
  ["sightline_pending_triggers", "pendingTriggers", "Triggers without a verdict yet", 1],
  ["sightline_ledger_triggers", "ledgerTriggers", "Triggers in the ledger on disk, earlier starts included", 1],
  [
    "sightline_ledger_verdicts",
    "ledgerVerdicts",
    "Verdicts in the ledger; equals its triggers once all are decided",
    1,
  ],
  ["sightline_backlog_verdicts", "backlogVerdicts", "Verdicts on disk that the broker has not taken yet", 1],
  ["sightline_verdicts_in_flight", "verdictsInFlight", "Verdicts sent that the broker has not acknowledged yet", 1],
  ["sightline_last_frame_timestamp_seconds", "lastFrameAtMs", "When the newest frame was captured, since 1970", 0.001],
  ["sightline_hub_cases_waiting", "hubCasesWaiting", "Hard cases on disk that the hub does not have yet", 1],
  ["sightline_hub_bytes_waiting", "hubBytesWaiting", "Size of their images", 1],
  ["sightline_drift_alarms_open", "driftAlarmsOpen", "Drift alarms nobody has acknowledged", 1],
  ["sightline_drift_closeness", "driftCloseness", "How near the nearest stream is to its drift alarm, 0 to 1", 1],
  ["sightline_drift_learnt_frames", "driftLearntFrames", "Frames of the active recipe's drift reference", 1],
  ["sightline_certificate_valid", "certificateValid", "1 while the active model's certificate holds here", 1],
  ["sightline_journal_bytes", "journalBytes", "Size of the journal on disk", 1],
  [
    "sightline_event_loop_p99_seconds",
    "eventLoopP99Ms",
    "99th percentile of the event loop's delay in the last half minute",
    0.001,
  ],
  ["sightline_frames_per_second", "framesPerSecond", "Frames the camera delivers", 1],
];
const LATENCY_STAGES = ["capture", "preprocess", "infer", "decide", "total"] as const;
const LATENCY_BUCKETS_S = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5];

/** Prometheus metrics of one device, in a registry of its own. */
export class DeviceMetrics {
  readonly #registry = new Registry();
  readonly #verdicts: Counter<"verdict">;
  readonly #faults: Counter<"reason">;
  readonly #latency: Histogram<"stage">;

  /** `read` is called on each scrape. */
  constructor(read: () => MetricsReading) {
    const registers = [this.#registry];
    this.#verdicts = new Counter({
      name: "sightline_verdicts_total",
      help: "Verdicts since this start",
      labelNames: ["verdict"],
      registers,
    });
    this.#faults = new Counter({
      name: "sightline_faults_total",
      help: "Parts not inspected, by reason",
      labelNames: ["reason"],
      registers,
    });
    this.#latency = new Histogram({
      name: "sightline_latency_seconds",
      help: "Time per stage; total is from the trigger to the decision",
      labelNames: ["stage"],
      buckets: LATENCY_BUCKETS_S,
      registers,
    });
    // A series that exists at 0 lets a first fault be seen as a rise.
    for (const verdict of VERDICT_KINDS) this.#verdicts.inc({ verdict }, 0);
    for (const reason of Object.keys(FAULT_REASONS)) this.#faults.inc({ reason }, 0);
    this.#readOnScrape(read);
  }

  /** Also starts the process metrics, which watch the garbage collector and the event loop from then on. */
  start(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  observeVerdict(verdict: Verdict): void {
    this.#verdicts.inc({ verdict: verdict.verdict });
    if (verdict.verdict === "fault") this.#faults.inc({ reason: verdict.reason });
    // A part that was not inspected went through some stages only: their zeros would flatter the figures.
    const stages = verdict.verdict === "fault" ? (["total"] as const) : LATENCY_STAGES;
    for (const stage of stages) this.#latency.observe({ stage }, verdict.latencyMs[stage] / 1000);
  }

  /** Lines of Prometheus text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #readOnScrape(read: () => MetricsReading): void {
    const registers = [this.#registry];
    for (const [name, key, help] of [...TOTALS, ...HUB_TOTALS, ...GATE_TOTALS, ...DRIFT_TOTALS]) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read()[key]);
        },
      });
    }
    for (const [name, key, help, scale] of GAUGES) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read()[key] * scale);
        },
      });
    }
    new Gauge({
      name: "sightline_broker_connected",
      help: "1 while the broker is connected",
      registers,
      collect() {
        this.set(read().brokerConnected ? 1 : 0);
      },
    });
  }
}
