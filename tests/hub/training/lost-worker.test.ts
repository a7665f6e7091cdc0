import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { CLI } from "../../scenarios/support/station.ts";
import { HubUnderTest, PROJECT, temporaryFolder } from "../support/running-hub.ts";
import { makeBases, makeVersion, nameClasses, sendTiles } from "../support/tiny-models.ts";

test(
  "a worker that is killed in the middle of a training loses it to another, which goes on where it stopped",
  { retry: 3, timeout: 240_000 },
  async () => {
    const training = { workers: 0, bases: makeBases(temporaryFolder()), leaseSeconds: 3 };
    const hub = await HubUnderTest.start({ training });
    await nameClasses(hub.database);
    await sendTiles(hub, 40);
    const version = await makeVersion(hub);
    const config = join(hub.folder, "hub.yaml");
    writeFileSync(config, JSON.stringify({ dataDirectory: "data", training }));
    const startWorker = () => {
      const child = spawn(process.execPath, [CLI, "hub", "worker", "--config", config], {
        stdio: "ignore",
        detached: true,
      });
      const kill = (): void => {
        try {
          process.kill(-(child.pid ?? 0), "SIGKILL"); // with the training that it started
        } catch {
          // gone
        }
      };
      onTestFinished(kill);
      return { child, kill };
    };
    const row = () =>
      hub.database.query
        .selectFrom("jobs")
        .select(["id", "state", "fencing_token", "attempts", "message", "lease_owner"])
        .where("kind", "=", "train")
        .executeTakeFirstOrThrow();
    const points = (token: number) =>
      hub.database.query
        .selectFrom("training_points")
        .select(["stage", "step", "total"])
        .where("fencing_token", "=", token)
        .execute();

    const first = startWorker();
    const engineer = await hub.signIn("engineer");
    const wish = { project: PROJECT, base: "tiny.onnx", layers: "all", sizePx: 32, epochs: 3000, augment: "none" };
    const asked = await engineer.send("POST", "/api/v1/training", { ...wish, datasetSha256: version });
    expect(asked.status).toBe(200);
    // A position is kept twelve times a run: by then there is one.
    const reached = async () => (await points(1)).find(({ step, total }) => step > total / 5)?.stage;
    while ((await reached()) === undefined) await sleep(100);
    const stage = await reached();
    const before = await row();
    expect(before).toMatchObject({ state: "running", fencing_token: 1 });
    first.kill();

    startWorker();
    while ((await points(2)).length < 3) {
      const now = await row();
      if (now.state !== "running") throw new Error(now.message);
      await sleep(100);
    }
    const after = await row();
    expect(after).toMatchObject({ id: before.id, state: "running", fencing_token: 2, attempts: 2 });
    expect(after.lease_owner).not.toBe(before.lease_owner);
    // Where the stage was over just then, it went on with the next one.
    const again = (await points(2)).filter((point) => point.stage === stage);
    expect(Math.min(2, ...again.map(({ step }) => step))).toBeGreaterThan(1);

    await engineer.send("POST", `/api/v1/training/${before.id}/cancel`);
    while ((await row()).state === "running") await sleep(200);
    const models = await hub.database.query.selectFrom("model_versions").select(["job_id", "version"]).execute();
    expect(models).toEqual([{ job_id: before.id, version: "1.1.0" }]);
  },
);
