import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { Verdict } from "../../src/contracts/verdict.ts";
import { Boot } from "./support/station.ts";

it("prints its addresses, inspects the simulated line onto its own broker, and ends with 0 at Ctrl-C", async () => {
  const boot = Boot.spawn(["demo", "--port", "0", "--broker-port", "0"]);
  const address = (name: string): string | undefined =>
    new RegExp(`${name} +(\\w+://\\S+)`).exec(boot.log.map(({ msg }) => msg).join("\n"))?.[1];
  const soFar = (): string | undefined =>
    address("MQTT broker") ?? (boot.process.exitCode === null ? undefined : boot.text());
  await expect.poll(soFar, { timeout: 40_000 }).toMatch(/^mqtt:/);
  const page = await fetch(address("status page") ?? "");
  expect(page.status).toBe(200);
  expect(await page.text()).toContain("<html");
  expect((await fetch(address("HTTP API") ?? "")).status).toBe(200);

  const plc = await connectAsync(address("MQTT broker") ?? "", { protocolVersion: 4 });
  onTestFinished(async () => void (await plc.endAsync(true)));
  const verdicts: Verdict[] = [];
  plc.on("message", (_topic, payload) => verdicts.push(Verdict.parse(JSON.parse(payload.toString()))));
  await plc.subscribeAsync("+/+/+/+/+/verdict", { qos: 1 });
  await expect.poll(() => verdicts.length, { timeout: 20_000 }).toBeGreaterThan(5);
  expect(verdicts.filter(({ verdict }) => verdict !== "fault").length).toBeGreaterThan(0);

  expect(await boot.stop("SIGINT")).toEqual({ code: 0, signal: null });
});
