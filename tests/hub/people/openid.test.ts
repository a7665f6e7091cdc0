import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { accountNameOf, roleOf } from "../../../src/hub/people/openid.ts";
import { CLIENT_ID, CLIENT_SECRET, OpenIdProvider } from "../support/openid-provider.ts";
import { errorOf, HubUnderTest, temporaryFolder } from "../support/running-hub.ts";
import { createServer } from "node:net";

/** The hub has to know its own address before it is up. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

async function hubWith(provider: OpenIdProvider, overrides: object = {}): Promise<HubUnderTest> {
  const port = await freePort();
  const secretFile = join(temporaryFolder(), "secret");
  writeFileSync(secretFile, `${CLIENT_SECRET}\n`);
  return HubUnderTest.start({
    http: { port, publicUrl: `http://127.0.0.1:${port}` },
    oidc: {
      ...{ issuer: provider.issuer, clientId: CLIENT_ID, clientSecret: { file: secretFile } },
      roles: { labeller: ["inspectors"], admin: ["hub-admins"] },
      ...overrides,
    },
  });
}

async function startProvider(): Promise<OpenIdProvider> {
  const provider = await OpenIdProvider.start();
  onTestFinished(() => provider.stop());
  return provider;
}

/** What a browser does: follows the redirects with its cookies. */
async function goThrough(hub: HubUnderTest, change = (callback: URL): URL => callback): Promise<Response> {
  const start = await hub.fetch("/api/v1/session/openid", { redirect: "manual" });
  const cookie = start.headers.get("set-cookie")?.split(";")[0] ?? "";
  const asked = await fetch(start.headers.get("location") ?? "", { redirect: "manual" });
  const callback = change(new URL(asked.headers.get("location") ?? ""));
  return fetch(callback, { redirect: "manual", headers: { cookie } });
}

const sessionCookie = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0] ?? "")
    .find((pair) => pair.startsWith("sightline_session=")) ?? "";

describe("sign-in through OpenID Connect", () => {
  test("makes an account with the role of the person's groups, which follows them", async () => {
    const provider = await startProvider();
    const hub = await hubWith(provider);
    expect(await (await hub.fetch("/api/v1/session/methods")).json()).toEqual({
      password: true,
      openId: "/api/v1/session/openid",
    });
    provider.person = { sub: "42", preferred_username: "anna", groups: ["inspectors", "everybody"] };
    const response = await goThrough(hub);
    expect([response.status, response.headers.get("location")]).toEqual([302, "/"]);
    const session = await hub.fetch("/api/v1/session", { headers: { cookie: sessionCookie(response) } });
    expect(await session.json()).toMatchObject({ user: "anna", role: "labeller" });

    provider.person = { sub: "42", preferred_username: "anna.new", groups: ["hub-admins"] };
    const again = await hub.fetch("/api/v1/session", { headers: { cookie: sessionCookie(await goThrough(hub)) } });
    expect(await again.json()).toMatchObject({ user: "anna", role: "admin" });
    const audit = await hub.database.query.selectFrom("audit").select(["actor", "action"]).orderBy("row").execute();
    expect(audit).toEqual([
      { actor: "openid", action: "add user" },
      { actor: "anna", action: "sign in" },
      { actor: "openid", action: "change user" },
      { actor: "anna", action: "sign in" },
    ]);
    // There is no password to guess.
    const guess = await hub.fetch("/api/v1/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "anna", password: "x" }),
    });
    expect(guess.status).toBe(401);
  });

  test("does not hand out a local account with the same name", async () => {
    const provider = await startProvider();
    const hub = await hubWith(provider);
    provider.person = { sub: "6", preferred_username: "admin", groups: ["hub-admins"] };
    expect(await errorOf(await goThrough(hub))).toMatchObject({ status: 409, code: "NAME_TAKEN" });
  });

  test("refuses who has no role here, and a locked account", async () => {
    const provider = await startProvider();
    const hub = await hubWith(provider);
    provider.person = { sub: "7", preferred_username: "guest", groups: ["others"] };
    expect(await errorOf(await goThrough(hub))).toMatchObject({ status: 403, code: "NO_ROLE" });
    provider.person = { sub: "8", preferred_username: "bert", groups: ["inspectors"] };
    await goThrough(hub);
    await hub.database.query.updateTable("users").set({ disabled_at: 1 }).where("name", "=", "bert").execute();
    expect(await errorOf(await goThrough(hub))).toMatchObject({ status: 403, code: "ACCOUNT_LOCKED" });
  });

  test.each(["signature", "nonce", "issuer", "audience", "expired"] as const)(
    "refuses an ID token with a wrong or old %s",
    async (tamper) => {
      const provider = await startProvider();
      const hub = await hubWith(provider);
      provider.person = { sub: "9", preferred_username: "carl", groups: ["inspectors"] };
      provider.tamper = tamper;
      expect(await errorOf(await goThrough(hub))).toMatchObject({ status: 401, code: "OPENID_REFUSED" });
    },
  );

  test("refuses an answer to a question nobody asked, with another state, or used before", async () => {
    const provider = await startProvider();
    const hub = await hubWith(provider);
    provider.person = { sub: "10", preferred_username: "dora", groups: ["inspectors"] };
    const unasked = await hub.fetch("/api/v1/session/openid/callback?code=x&state=y", { redirect: "manual" });
    expect(await errorOf(unasked)).toMatchObject({ status: 400, code: "NO_SIGN_IN_PENDING" });
    const otherState = await goThrough(hub, (callback) => {
      callback.searchParams.set("state", "another");
      return callback;
    });
    expect(await errorOf(otherState)).toMatchObject({ status: 401, code: "OPENID_REFUSED" });
  });

  test("says that the provider is away, and works when it is back", async () => {
    const provider = await startProvider();
    const hub = await hubWith(provider);
    await provider.stop();
    const away = await errorOf(await hub.fetch("/api/v1/session/openid", { redirect: "manual" }));
    expect(away).toMatchObject({ status: 503, code: "OPENID_UNREACHABLE" });
    expect((await hub.signIn("viewer")).cookie).not.toBe("");
  });
});

test("the highest role that a claim gives counts; none gives the default", () => {
  const settings = { roles: { viewer: ["a"], engineer: ["b", "c"] }, defaultRole: null } as const;
  expect(roleOf(["a", "c"], settings)).toBe("engineer");
  expect(roleOf("a", settings)).toBe("viewer");
  expect(roleOf(undefined, settings)).toBeNull();
  expect(roleOf([], { ...settings, defaultRole: "viewer" })).toBe("viewer");
});

test("an account is named after what the provider calls the person, in letters that an account may have", () => {
  expect(accountNameOf({ sub: "1", email: "a.b@plant.example" })).toBe("a.b@plant.example");
  expect(accountNameOf({ sub: "1", preferred_username: "Jörg <x>" })).toBe("J-rg--x-");
  expect(accountNameOf({ sub: "@@@" })).toBe("openid-user");
});
