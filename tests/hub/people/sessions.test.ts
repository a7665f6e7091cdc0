import { describe, expect, test } from "vitest";
import { ROLES } from "../../../src/hub/people/roles.ts";
import { Browser, errorOf, HubUnderTest, PASSWORD } from "../support/running-hub.ts";

const signIn = (hub: HubUnderTest, name: string, password: string): Promise<Response> =>
  hub.fetch("/api/v1/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, password }),
  });

describe("signing in", () => {
  test("gives a session whose cookie no script reads and no other site sends", async () => {
    const hub = await HubUnderTest.start();
    const response = await signIn(hub, "labeller", PASSWORD);
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^sightline_session=slss_[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    const body = (await response.json()) as { csrfToken: string; expiresAt: number };
    expect(body).toMatchObject({ user: "labeller", role: "labeller", passwordChangeNeeded: false });
    expect(body.expiresAt).toBeGreaterThan(Date.now() + 11 * 3_600_000);
    const again = await hub.fetch("/api/v1/session", { headers: { cookie: cookie.split(";")[0] ?? "" } });
    expect(await again.json()).toEqual(body);
    const rows = await hub.database.query.selectFrom("sessions").selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(cookie.slice(18, 40));
  });

  test("behind HTTPS its cookie is never sent without, and browsers are told to stay there", async () => {
    const hub = await HubUnderTest.start({ http: { port: 0, publicUrl: "https://hub.plant.example" } });
    const response = await signIn(hub, "viewer", PASSWORD);
    expect(response.headers.get("set-cookie")).toMatch(/; Secure/);
    expect(response.headers.get("strict-transport-security")).toBe("max-age=31536000");
  });

  test("a wrong password, an unknown name and a locked account are refused in the same words", async () => {
    const hub = await HubUnderTest.start();
    await hub.database.query.updateTable("users").set({ disabled_at: 1 }).where("name", "=", "viewer").execute();
    const refused = { status: 401, code: "SIGN_IN_REFUSED", message: "Name or password are wrong." };
    expect(await errorOf(await signIn(hub, "admin", "wrong"))).toEqual(refused);
    expect(await errorOf(await signIn(hub, "nobody", PASSWORD))).toEqual(refused);
    expect(await errorOf(await signIn(hub, "viewer", PASSWORD))).toEqual(refused);
  });

  test("after ten wrong passwords a name has to wait, even with the right one", async () => {
    const hub = await HubUnderTest.start({ limits: { signInsPerMinute: 100 } });
    for (let attempt = 0; attempt < 10; attempt++) await signIn(hub, "admin", "wrong");
    const refused = await signIn(hub, "admin", PASSWORD);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(800);
    expect(await errorOf(refused)).toMatchObject({ status: 429, code: "TOO_MANY_ATTEMPTS" });
    expect((await signIn(hub, "engineer", PASSWORD)).status).toBe(200);
  });

  test("one address may try only so often in a minute", async () => {
    const hub = await HubUnderTest.start({ limits: { signInsPerMinute: 2 } });
    const statuses = [];
    for (const name of ["a", "b", "c"]) statuses.push((await signIn(hub, name, "wrong")).status);
    expect(statuses).toEqual([401, 401, 429]);
  });

  test("is over after signing out, after its time, and when the account is locked", async () => {
    const hub = await HubUnderTest.start();
    const [out, old, locked] = [await hub.signIn("viewer"), await hub.signIn("labeller"), await hub.signIn("engineer")];
    expect((await out.send("DELETE", "/api/v1/session")).status).toBe(200);
    await hub.database.query
      .updateTable("sessions")
      .set({ expires_at: 1 })
      .where("user_name", "=", "labeller")
      .execute();
    await hub.database.query.updateTable("users").set({ disabled_at: 1 }).where("name", "=", "engineer").execute();
    for (const browser of [out, old, locked]) {
      expect(await errorOf(await browser.get("/api/v1/devices"))).toMatchObject({
        status: 401,
        code: "SIGN_IN_NEEDED",
      });
    }
  });
});

describe("what changes something needs the session's own token", () => {
  test("without it, with another session's, or with a cookie made up", async () => {
    const hub = await HubUnderTest.start();
    const [one, other] = [await hub.signIn("admin"), await hub.signIn("admin")];
    const body = { id: "p2", name: "Second" };
    const forged = new Browser(hub.url, one.cookie, other.csrfToken);
    expect(await errorOf(await forged.send("POST", "/api/v1/projects", body))).toMatchObject({
      status: 403,
      code: "CSRF_TOKEN",
    });
    const without = new Browser(hub.url, one.cookie, "");
    expect((await without.send("POST", "/api/v1/projects", body)).status).toBe(403);
    const madeUp = new Browser(hub.url, "sightline_session=slss_x", one.csrfToken);
    expect((await madeUp.send("POST", "/api/v1/projects", body)).status).toBe(401);
    expect((await one.send("POST", "/api/v1/projects", body)).status).toBe(200);
    // Reading needs none, and signing in again does not either.
    expect((await without.get("/api/v1/projects")).status).toBe(200);
  });
});

describe("a role may what those below may, and more", () => {
  test("each door opens from its role on", async () => {
    const hub = await HubUnderTest.start();
    const browsers = new Map(await Promise.all(ROLES.map(async (role) => [role, await hub.signIn(role)] as const)));
    const doors = [
      ["viewer", "GET", "/api/v1/projects"],
      ["viewer", "GET", "/api/v1/devices"],
      ["engineer", "POST", "/api/v1/devices/codes", { device: "d", project: "tiles" }],
      ["engineer", "PATCH", "/api/v1/projects/tiles", { problem: "cracks" }],
      ["admin", "GET", "/api/v1/users"],
      ["admin", "GET", "/api/v1/audit"],
      ["admin", "POST", "/api/v1/devices/nobody/revoke"],
    ] as const;
    for (const [needs, method, path, body] of doors) {
      for (const role of ROLES) {
        const browser = browsers.get(role);
        if (browser === undefined) throw new Error("not signed in");
        const response = method === "GET" ? await browser.get(path) : await browser.send(method, path, body);
        const opens = ROLES.indexOf(role) >= ROLES.indexOf(needs);
        expect([path, role, response.status === 403]).toEqual([path, role, !opens]);
      }
    }
    const viewer = browsers.get("viewer");
    expect((await errorOf((await viewer?.get("/api/v1/users")) ?? new Response())).message).toBe(
      "This needs the role admin; viewer is viewer.",
    );
  });
});

describe("a password that the hub or an administrator made", () => {
  test("is good for one sign-in: nothing else is allowed before another is chosen", async () => {
    const hub = await HubUnderTest.start();
    const admin = await hub.signIn("admin");
    const once = "given by an administrator";
    await admin.send("POST", "/api/v1/users", { name: "anna", role: "engineer", password: once });
    const response = await signIn(hub, "anna", once);
    const body = (await response.json()) as { csrfToken: string };
    expect(body).toMatchObject({ passwordChangeNeeded: true });
    const anna = new Browser(hub.url, response.headers.get("set-cookie")?.split(";")[0] ?? "", body.csrfToken);
    expect(await errorOf(await anna.get("/api/v1/projects"))).toMatchObject({
      status: 403,
      code: "PASSWORD_CHANGE_NEEDED",
    });
    const change = (current: string, next: string): Promise<Response> =>
      anna.send("PUT", "/api/v1/session/password", { current, next });
    expect(await errorOf(await change("wrong", "another good one"))).toMatchObject({ code: "SIGN_IN_REFUSED" });
    expect(await errorOf(await change(once, "short"))).toMatchObject({ status: 400, code: "WEAK_PASSWORD" });
    expect(await errorOf(await change(once, once))).toMatchObject({ code: "WEAK_PASSWORD" });
    const changed = await change(once, "another good one");
    expect(await changed.json()).toMatchObject({ user: "anna", passwordChangeNeeded: false });
    // The session before the change is over; the one that came with it works.
    expect((await anna.get("/api/v1/projects")).status).toBe(401);
    const cookie = changed.headers.get("set-cookie")?.split(";")[0] ?? "";
    expect((await new Browser(hub.url, cookie, "").get("/api/v1/projects")).status).toBe(200);
    expect((await signIn(hub, "anna", once)).status).toBe(401);
  });
});
