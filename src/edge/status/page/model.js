import { texts } from "./texts.js";

/** A verdict older than this is history: the screen says that it waits, and never leaves an old PASS standing. */
export const IDLE_AFTER_MS = 60_000;
/** Without a word from the device for so long, the connection counts as lost (it speaks every second). */
export const LOST_AFTER_MS = 3_500;
/** A part that did not pass stays in view so long, even when good parts follow fast. */
export const HOLD_MS = 1_500;

export const KINDS = ["pass", "reject", "review", "fault"];
const HOUR_MS = 3_600_000;

/**
 * What the big face shows: one of the verdict kinds, or waiting, starting, stopped, connecting, lost.
 * Pure; `shown` is the verdict in view or null, `ageMs` its age.
 */
export function faceOf({ link, status, shown, ageMs }) {
  if (link === "lost") return "lost";
  if (link === "connecting" || status === null) return "connecting";
  if (status.state === "starting") return "starting";
  if (status.state === "offline") return "stopped";
  if (status.state === "not-inspecting" && !(shown?.verdict === "fault" && ageMs < IDLE_AFTER_MS)) return "stopped";
  if (shown === null || ageMs > IDLE_AFTER_MS) return "waiting";
  return shown.verdict;
}

/** Whether `next` may replace the verdict in view: a part that did not pass is held against good ones. */
export const mayReplace = (shown, shownForMs, next) =>
  shown === null || shown.verdict === "pass" || next.verdict !== "pass" || shownForMs >= HOLD_MS;

export const totalOf = (counts) => KINDS.reduce((sum, kind) => sum + counts[kind], 0);

/** Shares of all parts in percent, or null when there was no part. */
export function sharesOf(counts) {
  const total = totalOf(counts);
  if (total === 0) return null;
  return Object.fromEntries(KINDS.map((kind) => [kind, (100 * counts[kind]) / total]));
}

export function sumOf(minutes) {
  const sum = { pass: 0, reject: 0, review: 0, fault: 0 };
  for (const { counts } of minutes) for (const kind of KINDS) sum[kind] += counts[kind];
  return sum;
}

/** Faults of the last hour by reason, the most recent first. */
export function groupFaults(verdicts, nowMs) {
  const groups = new Map();
  for (const verdict of verdicts) {
    const atMs = Date.parse(verdict.decidedAt);
    if (verdict.verdict !== "fault" || nowMs - atMs > HOUR_MS) continue;
    const group = groups.get(verdict.reason);
    if (group === undefined) groups.set(verdict.reason, { reason: verdict.reason, count: 1, atMs, part: verdict.part });
    else {
      group.count++;
      if (atMs > group.atMs) Object.assign(group, { atMs, part: verdict.part });
    }
  }
  return [...groups.values()].sort((one, other) => other.atMs - one.atMs);
}

/** Faults of the last hour that the device counted and this page has not seen: it may have been opened just now. */
export function unseenFaults(history, groups, nowMs) {
  const lastHour = history.filter(({ minute }) => nowMs - Date.parse(minute) <= HOUR_MS);
  const seen = groups.reduce((sum, group) => sum + group.count, 0);
  return Math.max(0, sumOf(lastHour).fault - seen);
}

/** What was found, in words. */
export function findingOf(verdict) {
  if (verdict.verdict === "fault") return texts.faults[verdict.reason]?.sentence ?? verdict.reason;
  if (verdict.verdict === "pass") return texts.passFinding(verdict.class);
  if (verdict.verdict === "review") return texts.reviewFinding(verdict.class);
  return verdict.class;
}

function cameraLamp({ camera }) {
  const word = texts.cameraStates[camera.state] ?? camera.state;
  const delivering = camera.state === "ready";
  const { widthPx, heightPx } = camera;
  const size = widthPx === null || heightPx === null ? null : `${widthPx} × ${heightPx} px`;
  const details = [texts.cameraDetail(camera.name, delivering ? size : null)];
  if (camera.restarts > 0) details.push(texts.restarts(camera.restarts));
  if (!delivering && camera.lastError !== null) details.unshift(camera.lastError);
  return { key: "camera", level: delivering ? "ok" : "bad", word, details };
}

function modelLamp({ model, provider, providerFallbacks }) {
  if (model === null) return { key: "model", level: "bad", word: texts.modelNone, details: [] };
  const details = [provider === null ? "" : texts.modelOn(texts.providers[provider] ?? provider)];
  for (const { provider: name, reason } of providerFallbacks)
    details.push(texts.fellBack(texts.providers[name] ?? name, reason));
  return { key: "model", level: "ok", word: `${model.name} ${model.version}`, details: details.filter(Boolean) };
}

function brokerLamp({ broker }) {
  if (broker.url === "") return { key: "broker", level: "off", word: texts.brokerNone, details: [] };
  const details = [broker.connected ? broker.url : (broker.lastError ?? broker.url)];
  if (broker.backlog > 0) details.unshift(texts.backlog(broker.backlog));
  return {
    key: "broker",
    level: broker.connected ? "ok" : "warn",
    word: broker.connected ? texts.brokerOn : texts.brokerOff,
    details,
  };
}

function hubLamp({ hub }) {
  if (hub === null) return { key: "hub", level: "off", word: texts.hubNone, details: [] };
  const details = [hub.connected ? hub.url : (hub.sentence ?? hub.url)];
  if (hub.connected && hub.sentence !== null) details.unshift(hub.sentence);
  if (hub.hold !== null) details.unshift(texts.hubHold(hub.hold));
  if (hub.lost > 0) details.push(texts.hubLost(hub.lost));
  const isWell = hub.connected && hub.sentence === null;
  return { key: "hub", level: isWell ? "ok" : "warn", word: texts.hubWaiting(hub.waiting), details };
}

export function bytesText(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return `${value.toFixed(step === 0 || value >= 100 ? 0 : 1)} ${units[step]}`;
}

function journalLamp({ journal }) {
  const details = [bytesText(journal.bytes)];
  if (journal.sentence !== null) details.unshift(journal.sentence);
  return {
    key: "journal",
    level: journal.recording ? "ok" : "bad",
    word: journal.recording ? texts.journalOn : texts.journalOff,
    details,
  };
}

function inferenceLamp({ inferenceRestarts }) {
  if (inferenceRestarts === 0) return { key: "inference", level: "ok", word: texts.inferenceOk, details: [] };
  return {
    key: "inference",
    level: "warn",
    word: texts.inferenceRestarted,
    details: [texts.restarts(inferenceRestarts)],
  };
}

const DRIFT_LEVELS = { off: "off", learning: "ok", watching: "ok", alarm: "warn" };

function driftLamp({ drift, certificate }) {
  const details = drift.state === "learning" ? [texts.drift.progress(drift.framesLearnt, drift.framesWanted)] : [];
  if (certificate !== null) details.push(certificate.sentence);
  return { key: "drift", level: DRIFT_LEVELS[drift.state], word: texts.drift.states[drift.state], details };
}

/** Which model runs since when, which one is tried and how far it is, and what became of the last. */
function releaseLamp({ release }) {
  const { sentence, last, refusal, candidate } = release;
  const details = [sentence];
  if (candidate !== null && candidate.note !== "") details.push(candidate.note);
  if (last !== null) details.push(texts.releaseLast(last));
  if (refusal !== null) details.push(refusal.sentence);
  const isCalm = refusal === null && (candidate !== null || last === null || last.outcome === "committed");
  const word = candidate === null ? texts.releaseRuns : texts.releasePhases[candidate.phase];
  return { key: "release", level: isCalm ? "ok" : "warn", word, details };
}

/** The lamps of the system panel: level `ok`, `warn`, `bad` or `off`, a word, and details. */
export const lampsOf = (status) =>
  [
    cameraLamp,
    modelLamp,
    ...(status.release === null ? [] : [releaseLamp]),
    brokerLamp,
    hubLamp,
    journalLamp,
    inferenceLamp,
    driftLamp,
  ].map((lamp) => lamp(status));

const DEVICE_LEVELS = { inspecting: "ok", degraded: "warn", starting: "warn", "not-inspecting": "bad", offline: "bad" };
export const deviceLevel = (state) => DEVICE_LEVELS[state] ?? "warn";

/** Never rounds up to 100 or down to 0: one bad part in ten thousand stays visible. */
export function percentText(value) {
  if (value === null) return texts.noFigure;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.1) return "< 0.1 %";
  return value > 99.9 ? "> 99.9 %" : `${value.toFixed(1)} %`;
}

export function ageText(ageMs) {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 90) return texts.seconds(seconds);
  if (seconds < 5400) return texts.minutes(Math.round(seconds / 60));
  return texts.hours(Math.round(seconds / 3600));
}
