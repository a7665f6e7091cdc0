import { expect, test } from "vitest";
import { DeviceMetrics, type MetricsReading } from "../../../src/edge/status/metrics.ts";
import { FakeDevice } from "../../fakes/fake-device.ts";

const reading: MetricsReading = {
  triggersTotal: 12,
  pendingTriggers: 2,
  cameraRestartsTotal: 1,
  cameraStallsTotal: 4,
  cameraResizesTotal: 5,
  journalRestartsTotal: 6,
  unreadableMessagesTotal: 7,
  publishedVerdictsTotal: 8,
  verdictsInFlight: 9,
  unrecordedSentTotal: 10,
  unrecordedDroppedTotal: 11,
  lastFrameAtMs: 1_700_000_000_000,
  inferenceRestartsTotal: 3,
  brokerConnected: false,
  backlogVerdicts: 40,
  unrecordedVerdictsTotal: 0,
  refusedVerdictsTotal: 0,
  ledgerTriggers: 112,
  ledgerVerdicts: 110,
  gatePassesTotal: 80,
  gateMissedPassesTotal: 1,
  gateOverlapsTotal: 2,
  gateLateWritesTotal: 3,
  journalBytes: 1234,
  eventLoopP99Ms: 7.5,
  framesPerSecond: 12.5,
};

const valueOf = (text: string, series: string): number | undefined => {
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

test("verdicts, faults and latencies are counted; every series is there before its first event", async () => {
  const metrics = new DeviceMetrics(() => reading);
  const device = new FakeDevice();
  expect(valueOf(await metrics.text(), 'sightline_faults_total{reason="camera"}')).toBe(0);
  metrics.observeVerdict(device.inspect({ kind: "pass" }));
  metrics.observeVerdict(device.inspect({ kind: "reject" }));
  metrics.observeVerdict(device.inspect({ kind: "fault", reason: "camera" }));
  const text = await metrics.text();
  expect(valueOf(text, 'sightline_verdicts_total{verdict="pass"}')).toBe(1);
  expect(valueOf(text, 'sightline_verdicts_total{verdict="review"}')).toBe(0);
  expect(valueOf(text, 'sightline_faults_total{reason="camera"}')).toBe(1);
  expect(valueOf(text, 'sightline_latency_seconds_count{stage="total"}')).toBe(3);
  expect(valueOf(text, 'sightline_latency_seconds_count{stage="infer"}')).toBe(2);
  expect(valueOf(text, 'sightline_latency_seconds_bucket{le="0.002",stage="decide"}')).toBe(2);
});

test("readings are taken at each scrape, totals do not add up over scrapes", async () => {
  let now = reading;
  const metrics = new DeviceMetrics(() => now);
  const first = await metrics.text();
  expect(valueOf(first, "sightline_unreadable_messages_total")).toBe(7);
  expect(valueOf(first, "sightline_last_frame_timestamp_seconds")).toBe(1_700_000_000);
  now = { ...reading, triggersTotal: 20, brokerConnected: true };
  const text = await metrics.text();
  expect(valueOf(text, "sightline_triggers_total")).toBe(20);
  expect(valueOf(text, "sightline_broker_connected")).toBe(1);
  expect(valueOf(text, "sightline_event_loop_p99_seconds")).toBeCloseTo(0.0075);
  for (const name of [
    "pending_triggers",
    "backlog_verdicts",
    "journal_bytes",
    "frames_per_second",
    "camera_restarts_total",
    "inference_restarts_total",
    "unrecorded_verdicts_total",
    "refused_verdicts_total",
    "ledger_triggers",
    "ledger_verdicts",
    "gate_passes_total",
    "gate_missed_passes_total",
    "gate_overlaps_total",
    "gate_late_writes_total",
  ]) {
    expect(valueOf(text, `sightline_${name}`), name).toBeDefined();
  }
  expect(text).toContain("# TYPE sightline_triggers_total counter");
});

test("two devices in one process do not share figures, process metrics come with start", async () => {
  const one = new DeviceMetrics(() => reading);
  const other = new DeviceMetrics(() => reading);
  one.observeVerdict(new FakeDevice().inspect({ kind: "pass" }));
  expect(valueOf(await other.text(), 'sightline_verdicts_total{verdict="pass"}')).toBe(0);
  expect(await one.text()).not.toContain("process_resident_memory_bytes");
  one.start();
  expect(await one.text()).toContain("process_resident_memory_bytes");
});
