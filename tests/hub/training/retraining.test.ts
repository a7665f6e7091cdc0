import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { TrainingPoint } from "../../../src/hub/training/training-points.ts";
import { type Browser, errorOf, HubUnderTest, PROJECT, temporaryFolder } from "../support/running-hub.ts";
import { makeBases, makeVersion, nameClasses, sendTiles } from "../support/tiny-models.ts";

interface ShownJob {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly progress: number;
  readonly message: string;
  readonly result: { readonly modelId: string; readonly interrupted: boolean; readonly certificate: string } | null;
}

const WISH = { project: PROJECT, base: "tiny.onnx", layers: "all", sizePx: 32, epochs: 12, augment: "none" };

async function hubWithTiles(count: number) {
  const hub = await HubUnderTest.start({ training: { bases: makeBases(temporaryFolder()) } });
  await nameClasses(hub.database);
  await sendTiles(hub, count);
  return { hub, engineer: await hub.signIn("engineer"), version: await makeVersion(hub) };
}

async function start(engineer: Browser, wish: object): Promise<ShownJob> {
  const answer = await engineer.send("POST", "/api/v1/training", wish);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return ((await answer.json()) as { job: ShownJob }).job;
}

async function watch(engineer: Browser, id: string, until: (job: ShownJob, points: TrainingPoint[]) => boolean) {
  for (;;) {
    const seen = (await (await engineer.get(`/api/v1/training/${id}`)).json()) as {
      job: ShownJob;
      points: TrainingPoint[];
    };
    if (until(seen.job, seen.points)) return seen;
    if (seen.job.state === "failed") throw new Error(seen.job.message);
    await sleep(200);
  }
}

const ended = ({ state }: ShownJob): boolean => state === "done" || state === "cancelled";

test(
  "labels become a candidate: trained, certified where it can be, judged on a test set it never saw, compared",
  { retry: 3, timeout: 240_000 },
  async () => {
    const { hub, engineer, version } = await hubWithTiles(60);
    const marked = await engineer.send("PUT", `/api/v1/test-sets/${version}`, { side: "test" });
    expect(marked.status, await marked.clone().text()).toBe(200);
    expect((await engineer.send("PUT", `/api/v1/test-sets/${version}`, { side: "all" })).status).toBe(409);

    const first = await start(engineer, { ...WISH, datasetSha256: version });
    const { job, points } = await watch(engineer, first.id, ended);
    expect(job).toMatchObject({ state: "done", progress: 1, result: { interrupted: false } });
    expect(points.length).toBeGreaterThanOrEqual(1);
    expect(points.every(({ loss }) => loss !== null && loss > 0)).toBe(true);
    const modelId = job.result?.modelId ?? "";

    const evaluated = async () => {
      const { jobs } = (await (await engineer.get(`/api/v1/training?project=${PROJECT}`)).json()) as {
        jobs: ShownJob[];
      };
      const failed = jobs.find(({ state }) => state === "failed");
      if (failed !== undefined) throw new Error(failed.message);
      return jobs.filter(({ kind, state }) => kind === "evaluate" && state === "done").length;
    };
    while ((await evaluated()) < 1) await sleep(200);
    const second = await start(engineer, { ...WISH, base: modelId, layers: "head", seed: 2, datasetSha256: version });
    const again = await watch(engineer, second.id, ended);
    while ((await evaluated()) < 2) await sleep(200);

    const board = (await (await engineer.get(`/api/v1/leaderboard?project=${PROJECT}`)).json()) as {
      testSet: string;
      rows: {
        model: { id: string; version: string; parentId: string | null };
        judged: { sharedParts: number; figures: { quality: { auroc: { interval: { low: number; high: number } } } } };
      }[];
    };
    expect(board.testSet).toBe(version);
    expect(board.rows.map(({ model }) => model.version).sort()).toEqual(["1.1.0", "1.2.0"]);
    expect(board.rows.find(({ model }) => model.version === "1.2.0")?.model.parentId).toBe(modelId);
    for (const { judged } of board.rows) {
      expect(judged.sharedParts).toBe(0);
      const { low, high } = judged.figures.quality.auroc.interval;
      expect(high).toBeGreaterThanOrEqual(low);
    }
    const compared = await engineer.get(
      `/api/v1/comparison?project=${PROJECT}&before=${modelId}&after=${again.job.result?.modelId}`,
    );
    expect(compared.status, await compared.clone().text()).toBe(200);
    const { comparison } = (await compared.json()) as {
      comparison: { frames: number; sentence: string; groups: { name: string }[] };
    };
    expect(comparison.frames).toBeGreaterThan(3);
    expect(comparison.sentence).toMatch(/^Of \d+ parts/);

    const viewer = await hub.signIn("viewer");
    expect((await viewer.send("POST", "/api/v1/training", { ...WISH, datasetSha256: version })).status).toBe(403);
    const wrong = await engineer.send("POST", "/api/v1/training", {
      ...WISH,
      base: "other.onnx",
      datasetSha256: version,
    });
    expect(await errorOf(wrong)).toMatchObject({
      status: 400,
      message: 'There is no base "other.onnx"; there are tiny.onnx.',
    });
  },
);

test(
  "a cancelled training keeps the best so far, and can go on from there",
  { retry: 3, timeout: 240_000 },
  async () => {
    const { engineer, version } = await hubWithTiles(40);
    const long = { ...WISH, epochs: 2000, datasetSha256: version };
    const { id } = await start(engineer, long);
    const before = await watch(engineer, id, (_job, points) => points.some(({ step, total }) => step > total / 5));
    expect((await engineer.send("POST", `/api/v1/training/${id}/cancel`)).status).toBe(200);
    const { job, points } = await watch(engineer, id, ended);
    expect(job).toMatchObject({ state: "cancelled", result: { interrupted: true } });
    expect(job.message).toContain("the best so far is kept");
    expect(points.length).toBeGreaterThanOrEqual(before.points.length);
    const stoppedAt = Math.max(...points.map(({ step }) => step));

    const resumed = (await (await engineer.send("POST", `/api/v1/training/${id}/resume`)).json()) as { job: ShownJob };
    const later = await watch(engineer, resumed.job.id, (_job, found) => found.length > 2);
    // The run with parts held out may have had no more to gain; then the run on all parts has begun.
    const sameRun = later.points.filter(({ stage }) => stage === points[0]?.stage);
    expect(Math.min(...sameRun.map(({ step }) => step))).toBeGreaterThan(Math.min(20, stoppedAt - 10));
    await engineer.send("POST", `/api/v1/training/${resumed.job.id}/cancel`);
    expect((await watch(engineer, resumed.job.id, ended)).job).toMatchObject({ state: "cancelled" });
    expect((await engineer.send("POST", `/api/v1/training/${resumed.job.id}/cancel`)).status).toBe(409);
  },
);
