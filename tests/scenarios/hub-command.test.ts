import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { HubHouse } from "./support/hub-process.ts";
import { CLI } from "./support/station.ts";

interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}

function run(args: readonly string[], input = ""): Ended {
  const { status, stderr } = spawnSync(process.execPath, [CLI, "hub", ...args], { input, encoding: "utf8" });
  return { status, stderr };
}

test("people are added from the command line, and what cannot be is said with exit code 2", async () => {
  const { configPath } = await HubHouse.build({});
  const add = (name: string, role: string, password: string): Ended =>
    run(["user", "add", name, "--role", role, "--config", configPath], `${password}\n`);
  expect(add("anna", "engineer", "a few words do well")).toMatchObject({
    status: 0,
    stderr: expect.stringContaining("anna may sign in as engineer"),
  });
  expect(add("anna", "engineer", "a few words do well")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("there is a user anna already"),
  });
  expect(add("bert", "boss", "")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("--role boss: use viewer, labeller, engineer, admin"),
  });
  expect(add("bert", "viewer", "short")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("at least 12 characters"),
  });
  expect(run(["--config", configPath, "--check"])).toMatchObject({ status: 0 });
});

test("the first administrator's password is printed by the first start only, and SIGTERM ends a hub cleanly", async () => {
  const house = await HubHouse.build({});
  const first = await house.boot();
  expect((await first.stop()).code).toBe(0);
  expect(first.text()).toMatch(/password {3}([2-9A-HJKMNP-Z]{4}-){5}[2-9A-HJKMNP-Z]{4}/);
  const second = await house.boot();
  expect((await second.stop()).code).toBe(0);
  expect(second.text()).not.toMatch(/This hub has no users yet/);
});
