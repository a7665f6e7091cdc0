import type { CommandReply } from "../../src/contracts/command.ts";
import { SightlineError } from "../../src/contracts/errors.ts";
import type { TriggerRequest } from "../../src/contracts/trigger.ts";
import type { FaultReason, Verdict, VerdictKind } from "../../src/contracts/verdict.ts";
import type { DeviceStatus, DeviceView, LatestFrame, MinuteCounts } from "../../src/edge/status/device-view.ts";
import { uuidv7 } from "../../src/platform/uuid.ts";
import { fakeHeatmap, fakePhoto, type FakePhoto } from "./fake-photo.ts";

/** What the device is like when a test starts; everything may be changed while it runs. */
export interface FakeDeviceBehaviour {
  ready: boolean;
  /** Replaces parts of the status. */
  status: Partial<DeviceStatus>;
  /** Minutes of history before now. */
  historyMinutes: number;
  /** What commands answer; null: they succeed. */
  refuseCommands: string | null;
  /** Thrown by `inspectImage` and `trigger` when set. */
  failInspection: Error | null;
}

export interface RecordedAct {
  readonly action: "flag" | "override" | "recipe" | "trigger" | "inspect";
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface FakePart {
  readonly kind: VerdictKind;
  readonly class?: string;
  readonly reason?: FaultReason;
  readonly part?: string;
  /** Milliseconds before now; 0 unless told. */
  readonly agoMs?: number;
}

const KEPT_VERDICTS = 1000;
const MODEL = { name: "tile-surface", version: "1.2.0", sha256: "9f".repeat(32) };
const CLASSES = ["free", "blowhole", "break", "crack", "fray", "uneven"];
const DEFAULT_CLASS = { pass: "free", reject: "crack", review: "uneven" } as const;
const NG_SCORE = { pass: 0.021, reject: 0.968, review: 0.447 } as const;
const noCounts = (): Record<VerdictKind, number> => ({ pass: 0, reject: 0, review: 0, fault: 0 });

/** A device that judges what the test tells it to; keeps what people did in `acts`. */
export class FakeDevice implements DeviceView {
  readonly behaviour: FakeDeviceBehaviour = {
    ready: true,
    status: {},
    historyMinutes: 60,
    refuseCommands: null,
    failInspection: null,
  };
  readonly acts: RecordedAct[] = [];
  /** Newest first. */
  readonly verdicts: Verdict[] = [];
  readonly counts = noCounts();
  recipe = "tile-surface";
  #listeners = new Set<(verdict: Verdict) => void>();
  #latest: LatestFrame | undefined;
  #verdictSeq = 0;
  #photos = new Map<number, FakePhoto>();
  #startedAtMs = Date.now() - 3 * 3_600_000;
  #bootSeq = 7;

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** A part passes the camera and gets its verdict. */
  inspect(part: FakePart): Verdict {
    const verdictSeq = ++this.#verdictSeq;
    const photo = this.#photoOf(verdictSeq % 4, part.kind === "reject" || part.kind === "review");
    const verdict = this.#verdictOf(part, verdictSeq, photo);
    this.counts[verdict.verdict]++;
    this.verdicts.unshift(verdict);
    this.verdicts.length = Math.min(this.verdicts.length, KEPT_VERDICTS);
    const values = fakeHeatmap(photo, verdictSeq);
    this.#latest = {
      verdict,
      image: photo.image,
      heatmap: part.kind === "fault" ? null : { values, rows: 12, cols: 16 },
    };
    for (const listener of this.#listeners) listener(verdict);
    return verdict;
  }

  /** The ledger, with the verdicts of the boot before, is still there. */
  restart(): void {
    this.#startedAtMs = Date.now();
    this.#bootSeq++;
  }

  status(): DeviceStatus {
    const healthy: DeviceStatus = {
      device: "tile-1",
      line: "Hall 2 · Line 4",
      version: "0.1.0",
      startedAt: new Date(this.#startedAtMs).toISOString(),
      bootSeq: this.#bootSeq,
      state: "inspecting",
      problems: [],
      recipe: this.recipe,
      recipes: ["tile-surface", "tile-edge"],
      model: MODEL,
      classes: CLASSES.map((name) => ({ name, kind: name === "free" ? ("good" as const) : ("defect" as const) })),
      decision: { passBelow: 0.2, rejectFrom: 0.7 },
      provider: "cpu",
      providerFallbacks: [
        { provider: "tensorrt", reason: "libnvinfer.so.10 is not installed" },
        { provider: "cuda", reason: "no CUDA device was found" },
      ],
      trigger: "external",
      camera: {
        name: "simulated line",
        state: "ready",
        framesPerSecond: 12.4,
        restarts: 0,
        lastError: null,
        widthPx: 640,
        heightPx: 480,
      },
      broker: { url: "mqtt://broker.plant:1883", connected: true, lastError: null, backlog: 0, unreadable: 0 },
      hub: null,
      release: null,
      journal: { recording: true, sentence: null, bytes: 48_300_000 },
      counts: { ...this.counts },
      triggers: this.#verdictSeq,
      pendingTriggers: 0,
      latencyMs: { p50: 21.4, p95: 28.9, p99: 37.2 },
      inferenceRestarts: 0,
      history: this.#history(),
    };
    return { ...healthy, ...this.behaviour.status };
  }

  ready(): boolean {
    return this.behaviour.ready;
  }

  latestFrame(): LatestFrame | undefined {
    return this.#latest;
  }

  latestVerdicts(limit: number): Promise<Verdict[]> {
    return Promise.resolve(this.verdicts.slice(0, limit));
  }

  async trigger(request: TriggerRequest): Promise<Verdict> {
    this.acts.push({ action: "trigger", detail: request });
    if (this.behaviour.failInspection !== null) throw this.behaviour.failInspection;
    return this.inspect({ kind: "pass", ...(request.part === undefined ? {} : { part: request.part }) });
  }

  async inspectImage(bytes: Uint8Array, part: string | undefined): Promise<Verdict> {
    this.acts.push({ action: "inspect", detail: { byteLength: bytes.byteLength, part } });
    if (this.behaviour.failInspection !== null) throw this.behaviour.failInspection;
    const isImage = bytes[0] === 0xff && bytes[1] === 0xd8;
    const named = part === undefined ? {} : { part };
    return this.inspect(isImage ? { kind: "pass", ...named } : { kind: "fault", reason: "unreadable", ...named });
  }

  async flag(verdictId: string, note: string, by: string): Promise<CommandReply> {
    return this.#act(verdictId, { action: "flag", detail: { verdictId, note, by } });
  }

  async override(verdictId: string, verdict: "pass" | "reject", reason: string, by: string): Promise<CommandReply> {
    return this.#act(verdictId, { action: "override", detail: { verdictId, verdict, reason, by } });
  }

  async switchRecipe(recipe: string, by: string): Promise<CommandReply> {
    if (!this.status().recipes.includes(recipe))
      throw new SightlineError("UNKNOWN_RECIPE", `"${recipe}" is not loaded.`);
    if (this.behaviour.refuseCommands === null) this.recipe = recipe;
    return this.#reply({ action: "recipe", detail: { recipe, by } });
  }

  onVerdict(listener: (verdict: Verdict) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  metrics(): Promise<string> {
    return Promise.resolve(`sightline_triggers_total ${this.#verdictSeq}\n`);
  }

  #act(verdictId: string, act: RecordedAct): CommandReply {
    if (!this.verdicts.some((verdict) => verdict.id === verdictId)) {
      throw new SightlineError("UNKNOWN_VERDICT", `${verdictId} is not in the ledger.`);
    }
    return this.#reply(act);
  }

  #reply(act: RecordedAct): CommandReply {
    const refusal = this.behaviour.refuseCommands;
    if (refusal === null) this.acts.push(act);
    return { schema: 1, id: null, ok: refusal === null, message: refusal ?? "done" };
  }

  #photoOf(variant: number, defective: boolean): FakePhoto {
    const seed = variant * 2 + (defective ? 1 : 0);
    const known = this.#photos.get(seed);
    if (known !== undefined) return known;
    const photo = fakePhoto(seed + 11, defective);
    this.#photos.set(seed, photo);
    return photo;
  }

  #verdictOf(part: FakePart, verdictSeq: number, photo: FakePhoto): Verdict {
    const decidedAtMs = Date.now() - (part.agoMs ?? 0);
    const jitter = (verdictSeq % 9) * 1.7;
    const common = {
      schema: 1 as const,
      id: uuidv7(decidedAtMs),
      device: "tile-1",
      bootSeq: this.#bootSeq,
      verdictSeq,
      part: part.part ?? `T-${String(40_000 + verdictSeq)}`,
      seq: verdictSeq,
      capturedAt: new Date(decidedAtMs - 24).toISOString(),
      decidedAt: new Date(decidedAtMs).toISOString(),
      latencyMs: { capture: 1.2, preprocess: 1.9, infer: 16.3 + jitter, decide: 0.2, total: 19.6 + jitter },
      clockSynced: true,
    };
    if (part.kind === "fault") {
      const reason = part.reason ?? "dark";
      return {
        ...common,
        verdict: "fault",
        reason,
        class: null,
        score: null,
        scores: {},
        regions: [],
        hardCase: ["fault"],
        model: MODEL,
      };
    }
    const name = part.class ?? DEFAULT_CLASS[part.kind];
    const score = NG_SCORE[part.kind];
    const scores = Object.fromEntries(
      CLASSES.map((each) => [each, each === "free" ? 1 - score : each === name ? score * 0.9 : score * 0.025]),
    );
    const regions = photo.defect === null ? [] : [{ ...photo.defect, class: name, score }];
    return {
      ...common,
      verdict: part.kind,
      class: name,
      score,
      scores,
      regions,
      hardCase: part.kind === "review" ? ["uncertain"] : [],
      model: MODEL,
    };
  }

  #history(): MinuteCounts[] {
    const minuteMs = 60_000;
    const nowMinute = Math.floor(Date.now() / minuteMs) * minuteMs;
    return Array.from({ length: this.behaviour.historyMinutes }, (_, index) => {
      const ago = this.behaviour.historyMinutes - 1 - index;
      if (ago === 0) return { minute: new Date(nowMinute).toISOString(), counts: { ...this.counts } };
      const bad = Math.round(2.2 + 1.6 * Math.sin(ago / 5) + (ago > 18 && ago < 24 ? 6 : 0));
      const counts = { pass: 96 - bad, reject: bad, review: ago % 3, fault: ago % 17 === 0 ? 2 : 0 };
      return { minute: new Date(nowMinute - ago * minuteMs).toISOString(), counts };
    });
  }
}
