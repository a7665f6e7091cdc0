import { describe, expect, test } from "vitest";
import { type JobHandler, JobWorker } from "../../../src/hub/jobs/job-worker.ts";
import { LeaseTable } from "../../../src/hub/jobs/lease-table.ts";
import { openShortJobs } from "../../../src/hub/jobs/open-short-jobs.ts";
import type { ShortJobOptions } from "../../../src/hub/jobs/short-jobs.ts";
import type { Database } from "../../../src/hub/store/database.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { onBothEngines } from "../support/both-engines.ts";

const NEWS = { progress: 0.5, message: "half way" };
const KINDS = ["train"];

onBothEngines((engine) => {
  const table = async (mostAttempts = 5) => {
    const clock = new FakeClock();
    const database = await engine.open();
    return { clock, database, leases: new LeaseTable(database, clock, { leaseMs: 1000, mostAttempts }) };
  };
  const add = (leases: LeaseTable) => leases.add({ kind: "train", project: "p", payload: { epochs: 3 }, by: "eve" });

  test("a job is done by one worker, the oldest first, however many ask at once", async () => {
    const { leases, clock } = await table();
    const ids: string[] = [];
    for (let count = 0; count < 6; count++) {
      ids.push((await add(leases)).id);
      await clock.advance(1);
    }
    expect(await leases.claim("a", ["other"])).toBeNull();
    const claims = await Promise.all(Array.from({ length: 12 }, (_, at) => leases.claim(`w${at}`, KINDS)));
    const claimed = claims.flatMap((lease) => (lease === null ? [] : [lease.job.id]));
    expect(claimed.toSorted()).toEqual(ids.toSorted());
  });

  test("a heartbeat keeps the lease; a silent worker's job goes to another, and its own results are refused", async () => {
    const { leases, clock } = await table();
    const { id } = await add(leases);
    const first = await leases.claim("first", KINDS);
    if (first === null) throw new Error("no lease");
    await clock.advance(900);
    expect(await leases.heartbeat(first, NEWS)).toBe("go on");
    await clock.advance(900);
    expect(await leases.claim("second", KINDS)).toBeNull();
    await clock.advance(200);
    const second = await leases.claim("second", KINDS);
    if (second === null) throw new Error("no lease");
    expect(second.token).toBeGreaterThan(first.token);
    expect(second.job).toMatchObject({ id, progress: 0.5, message: "half way", attempts: 2 });
    await expect(leases.heartbeat(first, NEWS)).rejects.toThrow(/was taken from first after a silence/);
    await expect(leases.finish(first, { state: "done", result: "stale" })).rejects.toThrow(/belongs to another/);
    await leases.finish(second, { state: "done", result: { auroc: 0.99 } });
    expect(await leases.job(id)).toMatchObject({ state: "done", result: { auroc: 0.99 }, progress: 1 });
    await expect(leases.finish(second, { state: "failed", message: "late" })).rejects.toThrow(/JOB|belongs/);
  });

  test("a job that kills its workers is given up", async () => {
    const { leases, clock } = await table(2);
    const { id } = await add(leases);
    for (const name of ["first", "second"]) {
      expect(await leases.claim(name, KINDS)).not.toBeNull();
      await clock.advance(1001);
    }
    expect(await leases.claim("third", KINDS)).toBeNull();
    expect(await leases.job(id)).toMatchObject({ state: "failed", message: /given up: 2 workers/ });
  });

  test("cancelling ends a waiting job at once and tells a running one", async () => {
    const { leases, clock } = await table();
    const waiting = await add(leases);
    expect(await leases.cancel(waiting.id)).toBe(true);
    expect(await leases.job(waiting.id)).toMatchObject({ state: "cancelled" });
    expect(await leases.cancel(waiting.id)).toBe(false);
    await clock.advance(1);
    const running = await add(leases);
    const lease = await leases.claim("a", KINDS);
    if (lease === null) throw new Error("no lease");
    expect(await leases.cancel(running.id)).toBe(true);
    expect(await leases.heartbeat(lease, NEWS)).toBe("cancel");
    await clock.advance(1001); // and the worker is lost
    expect(await leases.claim("b", KINDS)).toBeNull();
    expect(await leases.job(running.id)).toMatchObject({ state: "cancelled" });
    expect((await leases.list("p", 10)).map(({ id }) => id)).toEqual([running.id, waiting.id]);
  });

  describe("a worker", () => {
    const working = async (database: Database, train: JobHandler, name = "a") => {
      const leases = new LeaseTable(database, systemClock, { leaseMs: 2000, mostAttempts: 3 });
      const faults: unknown[] = [];
      const worker = new JobWorker({
        name,
        table: leases,
        clock: systemClock,
        handlers: { train },
        pollMs: 10,
        heartbeatMs: 20,
        onFault: (error) => faults.push(error),
      });
      await worker.start();
      return { leases, worker, faults };
    };
    const untilAborted: JobHandler = ({ signal, report }) =>
      new Promise((_, reject) => {
        report(0.25, "epoch 1 of 4");
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });

    test("does what waits, and keeps the reason of a failure", async () => {
      const { leases, worker, faults } = await working(await engine.open(), async ({ job }) => {
        if (job.createdBy === "eve") return { trained: true };
        throw new Error("the data folder is empty");
      });
      const good = await add(leases);
      const bad = await leases.add({ kind: "train", project: "p", payload: {}, by: "bob" });
      await expect
        .poll(() => leases.job(bad.id))
        .toMatchObject({ state: "failed", message: "the data folder is empty" });
      expect(await leases.job(good.id)).toMatchObject({ state: "done", result: { trained: true } });
      await worker.stop();
      expect(faults).toEqual([]);
    });

    test("reports progress and ends a cancelled job", async () => {
      const { leases, worker } = await working(await engine.open(), untilAborted);
      const { id } = await add(leases);
      await expect.poll(() => leases.job(id)).toMatchObject({ progress: 0.25, message: "epoch 1 of 4" });
      await leases.cancel(id);
      await expect.poll(() => leases.job(id)).toMatchObject({ state: "cancelled" });
      await worker.stop();
    });

    test("gives unfinished work back at a shutdown, and another resumes it", async () => {
      const database = await engine.open();
      const { leases, worker } = await working(database, untilAborted);
      const { id } = await add(leases);
      await expect.poll(() => leases.job(id)).toMatchObject({ progress: 0.25 });
      await worker.stop();
      expect(await leases.job(id)).toMatchObject({ state: "queued", attempts: 0 });
      const other = await working(database, async ({ job }) => job.progress, "b");
      await expect.poll(() => leases.job(id)).toMatchObject({ state: "done", result: 0.25 });
      await other.worker.stop();
    });
  });

  test("short jobs are done in the background, and tried again where they fail", async () => {
    const done: unknown[] = [];
    const faults: string[] = [];
    let left = 1;
    const options: ShortJobOptions = {
      mostRetries: 1,
      firstPauseMs: 5,
      onFault: (kind, error) => faults.push(`${kind}: ${String(error)}`),
      handlers: {
        thumbnail: async (payload) => {
          if (left-- > 0) throw new Error("busy");
          done.push(payload);
        },
      },
    };
    const settings = engine.emptyDatabase();
    const jobs = openShortJobs(settings, options, systemClock);
    await jobs.start();
    await jobs.send("thumbnail", { sha256: "a" });
    await jobs.send("thumbnail", { sha256: "b" });
    await expect.poll(() => done, { timeout: 15_000 }).toHaveLength(2);
    await jobs.stop();
    expect(faults).toEqual([]);
  });

  test("short jobs of one key that wait are one, done when its time has come; one that is sent later is another", async () => {
    const done: { readonly payload: unknown; readonly at: number }[] = [];
    const options: ShortJobOptions = {
      ...{ mostRetries: 0, firstPauseMs: 5, onFault: () => undefined },
      handlers: { study: async (payload) => void done.push({ payload, at: Date.now() }) },
    };
    const jobs = openShortJobs(engine.emptyDatabase(), options, systemClock);
    await jobs.start();
    const sentAt = Date.now();
    for (let count = 0; count < 5; count++) await jobs.send("study", { project: "p" }, { key: "p", afterMs: 1500 });
    await jobs.send("study", { project: "q" }, { key: "q" });
    await expect.poll(() => done.map(({ payload }) => payload), { timeout: 15_000 }).toHaveLength(2);
    expect(done.map(({ payload }) => payload)).toEqual([{ project: "q" }, { project: "p" }]);
    expect((done[1]?.at ?? 0) - sentAt).toBeGreaterThan(1000);
    await jobs.send("study", { project: "p" }, { key: "p" });
    await expect.poll(() => done, { timeout: 15_000 }).toHaveLength(3);
    await jobs.stop();
  });
});
