import { describe, expect, test } from "vitest";
import { errorOf, HubUnderTest, PASSWORD } from "../support/running-hub.ts";

interface AuditBody {
  readonly entries: readonly { readonly actor: string; readonly action: string; readonly subject: string }[];
  readonly nextBeforeRow: number | null;
}

const GOOD = "a few words do well";

describe("accounts", () => {
  test("an administrator adds, changes and locks people; what is wrong is said", async () => {
    const hub = await HubUnderTest.start();
    const admin = await hub.signIn("admin");
    const add = (name: string, password = GOOD): Promise<Response> =>
      admin.send("POST", "/api/v1/users", { name, role: "viewer", password });
    expect((await add("anna")).status).toBe(200);
    expect(await errorOf(await add("anna"))).toMatchObject({ status: 409, message: "There is a user anna already." });
    expect(await errorOf(await add("bert", "short"))).toMatchObject({ status: 400, code: "WEAK_PASSWORD" });
    expect((await errorOf(await add("<script>"))).message).toMatch(/"name": letters, digits/);
    expect((await admin.send("PATCH", "/api/v1/users/anna", { role: "labeller" })).status).toBe(200);
    expect((await admin.send("PATCH", "/api/v1/users/anna", { disabled: true })).status).toBe(200);
    expect(await errorOf(await admin.send("PATCH", "/api/v1/users/nobody", { disabled: true }))).toMatchObject({
      status: 404,
      message: 'There is no user "nobody".',
    });
    const { users } = (await (await admin.get("/api/v1/users")).json()) as { users: { name: string }[] };
    expect(users.find(({ name }) => name === "anna")).toMatchObject({ role: "labeller", openId: false });
    expect(JSON.stringify(users)).not.toContain("argon2");
  });

  test("the last administrator cannot be locked out", async () => {
    const hub = await HubUnderTest.start();
    const admin = await hub.signIn("admin");
    for (const change of [{ disabled: true }, { role: "viewer" }]) {
      expect(await errorOf(await admin.send("PATCH", "/api/v1/users/admin", change))).toMatchObject({
        status: 409,
        code: "LAST_ADMIN",
      });
    }
  });
});

describe("API tokens", () => {
  const withToken = (hub: HubUnderTest, token: string, path: string): Promise<Response> =>
    hub.fetch(path, { headers: { authorization: `Bearer ${token}` } });

  test("act for their person with at most that person's role, until they are revoked", async () => {
    const hub = await HubUnderTest.start();
    const engineer = await hub.signIn("engineer");
    const made = await engineer.send("POST", "/api/v1/tokens", { purpose: "nightly export", role: "viewer" });
    const { id, token } = (await made.json()) as { id: string; token: string };
    expect((await withToken(hub, token, "/api/v1/projects")).status).toBe(200);
    expect((await withToken(hub, token, "/api/v1/users")).status).toBe(403);
    const more = await engineer.send("POST", "/api/v1/tokens", { purpose: "x", role: "admin" });
    expect(await errorOf(more)).toMatchObject({ status: 403, code: "ROLE_TOO_LOW" });
    const post = await hub.fetch("/api/v1/projects", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ id: "p2", name: "Second" }),
    });
    expect(post.status).toBe(403);
    const viewer = await hub.signIn("viewer");
    expect((await viewer.send("DELETE", `/api/v1/tokens/${id}`)).status).toBe(404);
    expect((await engineer.send("DELETE", `/api/v1/tokens/${id}`)).status).toBe(200);
    expect(await errorOf(await withToken(hub, token, "/api/v1/projects"))).toMatchObject({
      status: 401,
      code: "TOKEN_UNKNOWN",
    });
  });

  test("end with their person's account", async () => {
    const hub = await HubUnderTest.start();
    const engineer = await hub.signIn("engineer");
    const made = await engineer.send("POST", "/api/v1/tokens", { purpose: "export" });
    const { token } = (await made.json()) as { token: string };
    await (await hub.signIn("admin")).send("PATCH", "/api/v1/users/engineer", { disabled: true });
    expect((await withToken(hub, token, "/api/v1/projects")).status).toBe(401);
  });
});

describe("the audit log", () => {
  test("says who did what, newest first, page by page, and holds no secret", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const admin = await hub.signIn("admin");
    await admin.send("POST", "/api/v1/users", { name: "anna", role: "viewer", password: GOOD });
    await admin.send("POST", "/api/v1/devices/station-1/revoke");
    const page = (await (await admin.get("/api/v1/audit?limit=3")).json()) as AuditBody;
    expect(page.entries).toMatchObject([
      { actor: "admin", action: "revoke device", subject: "station-1" },
      { actor: "admin", action: "add user", subject: "anna", detail: { role: "viewer" } },
      { actor: "admin", action: "sign in", subject: "admin" },
    ]);
    const older = await admin.get(`/api/v1/audit?beforeRow=${page.nextBeforeRow}`);
    expect(((await older.json()) as AuditBody).entries).toMatchObject([
      { actor: "device:station-1", action: "enrol device" },
      { actor: "engineer", action: "make enrolment code" },
      { actor: "engineer", action: "sign in" },
    ]);
    const all = JSON.stringify(await hub.database.query.selectFrom("audit").selectAll().execute());
    for (const secret of [GOOD, PASSWORD, sender.credential]) expect(all).not.toContain(secret);
  });

  test("is append only, in the database itself", async () => {
    const hub = await HubUnderTest.start();
    await hub.signIn("admin");
    const { query } = hub.database;
    await expect(query.updateTable("audit").set({ actor: "nobody" }).execute()).rejects.toThrow(/append only/);
    await expect(query.deleteFrom("audit").execute()).rejects.toThrow(/append only/);
  });
});

describe("projects", () => {
  test("an engineer begins and changes them", async () => {
    const hub = await HubUnderTest.start();
    const engineer = await hub.signIn("engineer");
    const classes = [
      { name: "good", kind: "good" },
      { name: "crack", kind: "defect" },
    ];
    expect((await engineer.send("POST", "/api/v1/projects", { id: "caps", name: "Caps", classes })).status).toBe(200);
    expect((await engineer.send("POST", "/api/v1/projects", { id: "caps", name: "Caps" })).status).toBe(409);
    expect((await engineer.send("PATCH", "/api/v1/projects/caps", { name: "Tiles" })).status).toBe(409);
    expect((await engineer.send("PATCH", "/api/v1/projects/caps", { escapeCost: 12.5 })).status).toBe(200);
    expect((await engineer.send("PATCH", "/api/v1/projects/none", { escapeCost: 1 })).status).toBe(404);
    const { projects } = (await (await engineer.get("/api/v1/projects")).json()) as { projects: object[] };
    expect(projects).toMatchObject([{ id: "caps", name: "Caps", classes, escapeCost: 12.5 }, { id: "tiles" }]);
  });
});
