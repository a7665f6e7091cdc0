import { describe, expect, test } from "vitest";
import type { DeviceOrders } from "../../../src/contracts/hub-case.ts";
import { caseOf, jpegOf, verdictOf } from "../support/hard-cases.ts";
import { errorOf, HubUnderTest, Sender } from "../support/running-hub.ts";

const enrolWith = (hub: HubUnderTest, code: string): Promise<Response> =>
  hub.fetch("/api/v1/enrol", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
  });

async function codeFor(hub: HubUnderTest, device: string): Promise<string> {
  const engineer = await hub.signIn("engineer");
  const made = await engineer.send("POST", "/api/v1/devices/codes", { device, project: "tiles", line: "line1" });
  return ((await made.json()) as { code: string }).code;
}

const REFUSED = {
  status: 403,
  code: "CODE_REFUSED",
  message: "This enrolment code is not known, was used already or is over; an engineer makes a new one.",
};

describe("enrolment", () => {
  test("a code gives one device one credential, and is kept nowhere in the clear", async () => {
    const hub = await HubUnderTest.start();
    const code = await codeFor(hub, "station-1");
    const reply = (await (await enrolWith(hub, ` ${code.toLowerCase()} `)).json()) as { credential: string };
    expect(reply).toMatchObject({ device: "station-1", project: "tiles", line: "line1" });
    expect((await new Sender(hub.url, "station-1", reply.credential).orders()).status).toBe(200);
    const rows = [
      ...(await hub.database.query.selectFrom("enrolment_codes").selectAll().execute()),
      ...(await hub.database.query.selectFrom("devices").selectAll().execute()),
      ...(await hub.database.query.selectFrom("audit").selectAll().execute()),
    ];
    expect(JSON.stringify(rows)).not.toContain(code);
    expect(JSON.stringify(rows)).not.toContain(reply.credential);
  });

  test("a used, an unknown and an old code are refused in the same words", async () => {
    const hub = await HubUnderTest.start();
    const code = await codeFor(hub, "station-1");
    await enrolWith(hub, code);
    expect(await errorOf(await enrolWith(hub, code))).toEqual(REFUSED);
    expect(await errorOf(await enrolWith(hub, "AAAA-BBBB-CCCC-DDDD"))).toEqual(REFUSED);
    const old = await codeFor(hub, "station-2");
    await hub.database.query
      .updateTable("enrolment_codes")
      .set({ expires_at: 1 })
      .where("used_at", "is", null)
      .execute();
    expect(await errorOf(await enrolWith(hub, old))).toEqual(REFUSED);
  });

  test("two that use a code at once get one device", async () => {
    const hub = await HubUnderTest.start();
    const code = await codeFor(hub, "station-1");
    const statuses = (await Promise.all([enrolWith(hub, code), enrolWith(hub, code)])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 403]);
  });

  test("a device that enrols again keeps its limits, and its old credential ends", async () => {
    const hub = await HubUnderTest.start();
    const before = await hub.enrol("station-1");
    const engineer = await hub.signIn("engineer");
    await engineer.send("PATCH", "/api/v1/devices/station-1", { dailyCases: 7 });
    const after = await hub.enrol("station-1");
    expect(await errorOf(await before.orders())).toMatchObject({ status: 401, code: "CREDENTIAL_UNKNOWN" });
    expect(((await (await after.orders()).json()) as DeviceOrders).limits.dailyCases).toBe(7);
  });

  test("an address may try only so many codes in a minute", async () => {
    const hub = await HubUnderTest.start({ limits: { enrolmentsPerMinute: 3 } });
    for (let attempt = 0; attempt < 3; attempt++) expect((await enrolWith(hub, "AAAA-AAAA")).status).toBe(403);
    const refused = await enrolWith(hub, "AAAA-AAAA");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await errorOf(refused)).toMatchObject({ status: 429, code: "TOO_MANY_REQUESTS" });
  });
});

describe("who is no device gets nothing in", () => {
  test("without a credential, with a wrong one, or as a person", async () => {
    const hub = await HubUnderTest.start();
    const image = await jpegOf(1);
    const none = await hub.fetch(`/api/v1/device/orders`);
    expect(await errorOf(none)).toMatchObject({ status: 401, code: "CREDENTIAL_NEEDED" });
    const wrong = new Sender(hub.url, "station-1", "sldc_wrong");
    expect(await errorOf(await wrong.putImage(image))).toMatchObject({ status: 401, code: "CREDENTIAL_UNKNOWN" });
    const admin = await hub.signIn("admin");
    expect((await admin.get("/api/v1/device/orders")).status).toBe(401);
  });

  test("a revoked device, from the moment it is revoked", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const image = await jpegOf(1);
    expect((await sender.putImage(image)).status).toBe(200);
    expect((await (await hub.signIn("engineer")).send("POST", "/api/v1/devices/station-1/revoke")).status).toBe(403);
    const admin = await hub.signIn("admin");
    expect((await admin.send("POST", "/api/v1/devices/station-1/revoke")).status).toBe(200);
    const refused = {
      status: 403,
      code: "DEVICE_REVOKED",
      message: "This device was revoked: its uploads are not accepted. Enrol it again with a new code.",
    };
    expect(await errorOf(await sender.putImage(await jpegOf(2)))).toEqual(refused);
    expect(await errorOf(await sender.putCase(caseOf(verdictOf({ device: "station-1" }), image)))).toEqual(refused);
    expect(await errorOf(await sender.postVerdicts([verdictOf({ device: "station-1" })]))).toEqual(refused);
    expect(await errorOf(await admin.send("POST", "/api/v1/devices/nobody/revoke"))).toMatchObject({
      status: 404,
      message: 'There is no enrolled device "nobody".',
    });
  });

  test("a device reads no cases and administers nothing", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    for (const path of ["/api/v1/devices", "/api/v1/users", "/api/v1/projects", "/api/v1/audit"]) {
      const response = await hub.fetch(path, { headers: { authorization: `Bearer ${sender.credential}` } });
      expect(await errorOf(response)).toMatchObject({ status: 401, code: "SIGN_IN_NEEDED" });
    }
  });
});

describe("orders", () => {
  const rule = { rate: 0.5, wanted: 2, until: Date.now() + 3_600_000, where: { verdicts: ["review"] } };
  const addOrder = (hub: HubUnderTest, id: string, sampling: object): Promise<unknown> =>
    hub.database.query
      .insertInto("work_orders")
      .values({
        ...{ id, project_id: "tiles", tag_id: null, kind: "collect", title: `collect ${id}`, detail: "", owner: "" },
        ...{ status: "open", expected_gain: null, measured_gain: null, sampling_rule_json: JSON.stringify(sampling) },
        ...{ created_by: "engineer", created_at: Date.now() - 1000, closed_at: null },
      })
      .execute();

  test("a device is asked for what open work orders still want of it", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    await addOrder(hub, "for-all", rule);
    await addOrder(hub, "for-another", { ...rule, devices: ["station-2"] });
    await addOrder(hub, "over", { ...rule, until: 1 });
    const orders = async (): Promise<DeviceOrders> => (await (await sender.orders()).json()) as DeviceOrders;
    expect(await orders()).toEqual({
      schema: 1,
      rules: [{ id: "for-all", title: "collect for-all", ...rule }],
      limits: { dailyCases: 20_000, dailyBytes: 10_000_000_000 },
      labels: 0,
    });
    const image = await jpegOf(1);
    await sender.putImage(image);
    await sender.putCase(caseOf(verdictOf({ device: "station-1", verdictSeq: 1 }), image));
    expect((await orders()).rules).toMatchObject([{ wanted: 1 }]);
    await sender.putCase(caseOf(verdictOf({ device: "station-1", verdictSeq: 2 }), image));
    expect((await orders()).rules).toEqual([]);
  });
});
