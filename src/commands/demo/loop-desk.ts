import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import type { HubVisitor } from "./hub-visitor.ts";

const Row = z.looseObject({ id: z.string(), part: z.string(), capturedAt: z.number() });
const CaseList = z.looseObject({ cases: z.array(Row) });
const Count = z.looseObject({ count: z.number() });
const Version = z.looseObject({ version: z.looseObject({ sha256: z.string() }) });
const Job = z.looseObject({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
  message: z.string(),
  result: z.looseObject({ modelId: z.string().optional() }).nullable(),
});
const Training = z.looseObject({ job: Job });
const Jobs = z.looseObject({ jobs: z.array(Job) });
const Gates = z.looseObject({
  open: z.boolean(),
  gates: z.array(z.looseObject({ name: z.string(), passed: z.boolean(), sentence: z.string() })),
});
const Release = z.looseObject({
  id: z.string(),
  state: z.string(),
  stage: z.string().nullable(),
  sentence: z.string(),
});
const Releases = z.looseObject({ releases: z.array(Release) });
const Alarm = z.looseObject({ row: z.number(), at: z.string(), sentence: z.string(), seenAt: z.number().nullable() });
const Fleet = z.looseObject({ devices: z.array(z.looseObject({ id: z.string(), alarms: z.array(Alarm) })) });
const Comparison = z.looseObject({ comparison: z.looseObject({ sentence: z.string() }) });
const Any = z.looseObject({});

export type ShownRelease = z.infer<typeof Release>;
export type ShownAlarm = z.infer<typeof Alarm>;
export type ShownGates = z.infer<typeof Gates>;

const EVERY_MS = 1000;
const MOST_CASES = 200;

/** What a central team does at the hub, call by call; all of it by the interface that everybody has. */
export class LoopDesk {
  readonly #project: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor(project: string, clock: Clock, signal: AbortSignal) {
    this.#project = project;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Polls until `look` has something. Rejects when the demonstration is stopped. */
  async until<T>(look: () => Promise<T | null>): Promise<T> {
    for (;;) {
      const found = await look();
      if (found !== null) return found;
      await this.#clock.sleep(EVERY_MS, this.#signal);
    }
  }

  async alarm(engineer: HubVisitor): Promise<ShownAlarm | null> {
    const { devices } = await engineer.get(`/api/v1/fleet?project=${this.#project}`, Fleet);
    return devices.flatMap(({ alarms }) => alarms).at(-1) ?? null;
  }

  async lookAfter(engineer: HubVisitor, { row }: ShownAlarm): Promise<void> {
    await engineer.send("POST", `/api/v1/drift-alarms/${row}/seen`, {}, Any);
  }

  unlabelled(labeller: HubVisitor): Promise<z.infer<typeof CaseList>> {
    const filter = encodeURIComponent(JSON.stringify({ project: this.#project, labelled: false }));
    return labeller.get(`/api/v1/cases?limit=${MOST_CASES}&filter=${filter}`, CaseList);
  }

  async label(labeller: HubVisitor, id: string, label: string): Promise<void> {
    await labeller.send("POST", `/api/v1/cases/${id}/labels`, { label }, Any);
  }

  async countCases(engineer: HubVisitor, filter: object): Promise<number> {
    const text = encodeURIComponent(JSON.stringify({ project: this.#project, ...filter }));
    return (await engineer.get(`/api/v1/cases/count?filter=${text}`, Count)).count;
  }

  /** A data set version of the labelled cases since `from` (Unix ms), its test side frozen for good. */
  async freeze(engineer: HubVisitor, from: number): Promise<string> {
    const wish = {
      ...{ project: this.#project, name: "dust", filter: { from } },
      note: "Cases since the alarm; labels by the simulator.",
    };
    const { version } = await engineer.send("POST", "/api/v1/datasets", wish, Version);
    await engineer.send("PUT", `/api/v1/test-sets/${version.sha256}`, { side: "test" }, Any);
    return version.sha256;
  }

  /** The id of the model version that the run made. */
  async retrain(
    engineer: HubVisitor,
    wish: { readonly datasetSha256: string; readonly base: string; readonly sizePx: number },
    onMessage: (message: string) => void,
  ): Promise<string> {
    const body = { project: this.#project, layers: "head", ...wish };
    const { job } = await engineer.send("POST", "/api/v1/training", body, Training);
    return this.until(async () => {
      const { job: now } = await engineer.get(`/api/v1/training/${job.id}`, Training);
      if (now.state === "failed") throw new Error(`the training failed: ${now.message}`);
      onMessage(now.message);
      return now.state === "done" ? (now.result?.modelId ?? null) : null;
    });
  }

  /** Until every model that waits for the test set is judged. */
  async judged(engineer: HubVisitor): Promise<void> {
    await this.until(async () => {
      const { jobs } = await engineer.get(`/api/v1/training?project=${this.#project}`, Jobs);
      const failed = jobs.find(({ kind, state }) => kind === "evaluate" && state === "failed");
      if (failed !== undefined) throw new Error(`an evaluation failed: ${failed.message}`);
      const open = jobs.filter(({ kind, state }) => kind === "evaluate" && state !== "done");
      return open.length === 0 ? true : null;
    });
  }

  async comparison(engineer: HubVisitor, modelId: string): Promise<string> {
    const path = `/api/v1/comparison?project=${this.#project}&after=${modelId}`;
    return (await engineer.get(path, Comparison)).comparison.sentence;
  }

  gates(engineer: HubVisitor, modelId: string): Promise<ShownGates> {
    return engineer.get(`/api/v1/models/${modelId}/gates`, Gates);
  }

  async release(
    admin: HubVisitor,
    wish: {
      readonly modelId: string;
      readonly canary: string;
      readonly override: string | null;
      readonly shadowParts: number;
    },
  ): Promise<string> {
    const { modelId, canary, override, shadowParts } = wish;
    const criteria = { shadowParts, maxDisagreement: 0.9, shadowMinutes: 0, canaryMinutes: 0.2 };
    const reason = "The model before takes the dust for defects.";
    const body = { modelId, canaries: [canary], reason, criteria, override };
    const { release } = await admin.send("POST", "/api/v1/releases", body, z.looseObject({ release: Release }));
    return release.id;
  }

  async releaseNow(engineer: HubVisitor, id: string): Promise<ShownRelease> {
    const { releases } = await engineer.get(`/api/v1/releases?project=${this.#project}`, Releases);
    const found = releases.find((release) => release.id === id);
    if (found === undefined) throw new Error(`the hub knows no release ${id}`);
    return found;
  }
}
