import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { idOf } from "../support/make-upload.ts";
import { PROJECT } from "./seed-workbench.ts";
import { type ServedWorkbench, serveWorkbench } from "./serve-workbench.ts";
import { openSession } from "./workbench-in-chromium.ts";

let served: ServedWorkbench;
const sessions = new Map<string, { readonly cookie: string; readonly csrf: string }>();

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } };
}

async function sessionOf(user: string): Promise<{ readonly cookie: string; readonly csrf: string }> {
  const known = sessions.get(user);
  if (known !== undefined) return known;
  const cookie = `sightline_session=${await openSession(served.url, user)}`;
  const { csrfToken: csrf } = (await (await fetch(`${served.url}/api/v1/session`, { headers: { cookie } })).json()) as {
    csrfToken: string;
  };
  sessions.set(user, { cookie, csrf });
  return { cookie, csrf };
}

async function call(user: string | null, method: string, path: string, body?: unknown): Promise<Answer> {
  const { cookie, csrf } = user === null ? { cookie: "", csrf: "" } : await sessionOf(user);
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`${served.url}/api/v1/${path}`, {
    method,
    headers: { cookie, "x-csrf-token": csrf, ...json },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

const filter = (fields: object = {}): string => encodeURIComponent(JSON.stringify({ project: PROJECT, ...fields }));
const unlabelled = idOf(119);

describe("the workbench's routes", () => {
  beforeAll(async () => {
    served = await serveWorkbench({ cases: 120, unlabelled: 20 });
  });
  afterAll(() => served?.stop());

  test("nobody reads without signing in, and each role may what it is for", async () => {
    const paths = [
      `cases?filter=${filter()}`,
      `cases/${unlabelled}`,
      `cases/${unlabelled}/image`,
      `cases/${unlabelled}/similar`,
      `tags?project=${PROJECT}`,
      `error-table?project=${PROJECT}`,
      `slices?project=${PROJECT}`,
      `diagnosis?project=${PROJECT}`,
      `choice-curve?project=${PROJECT}`,
      `agreement?project=${PROJECT}`,
      `work-orders?project=${PROJECT}`,
      `saved-filters?project=${PROJECT}`,
      `projects/${PROJECT}`,
    ];
    for (const path of paths)
      expect({ path, status: (await call(null, "GET", path)).status }).toEqual({ path, status: 401 });
    const label = { label: "free" };
    const order = { project: PROJECT, kind: "leave", title: "Not now" };
    expect((await call("vera", "POST", `cases/${unlabelled}/labels`, label)).status).toBe(403);
    expect((await call("vera", "POST", "tags", { project: PROJECT, name: "x", colour: "#112233" })).status).toBe(403);
    expect((await call("grace", "POST", "work-orders", order)).status).toBe(403);
    expect((await call("ada", "POST", "work-orders", order)).status).toBe(200);
  });

  test("a change without the CSRF token of the session is refused", async () => {
    const { cookie } = await sessionOf("ada");
    const response = await fetch(`${served.url}/api/v1/cases/${unlabelled}/labels`, {
      method: "POST",
      headers: { cookie, "content-type": "application/json" },
      body: JSON.stringify({ label: "free" }),
    });
    expect(response.status).toBe(403);
  });

  test("pages follow one another without gap or repetition, in both orders", async () => {
    for (const order of ["newest", "oldest"]) {
      const rows: number[] = [];
      let next: unknown = undefined;
      do {
        const { body } = await call(
          "vera",
          "GET",
          `cases?filter=${filter()}&limit=50&order=${order}${next === undefined ? "" : `&beforeRow=${String(next)}`}`,
        );
        rows.push(...(body["cases"] as { row: number }[]).map(({ row }) => row));
        next = body["nextBeforeRow"];
      } while (next !== null);
      expect(rows).toEqual(rows.toSorted((a, b) => (order === "newest" ? b - a : a - b)));
      expect(new Set(rows).size).toBe(120);
    }
  });

  test.each([
    ["a filter that is no JSON", "GET", `cases?filter=${encodeURIComponent("{no")}`, undefined, 400],
    ["a filter with an unknown condition", "GET", `cases?filter=${filter({ colour: "red" })}`, undefined, 400],
    ["an id that is none", "GET", "cases/..%2f..%2fetc", undefined, 400],
    ["a case that is not there", "GET", `cases/${idOf(9999)}`, undefined, 404],
    ["a label of a case that is not there", "POST", `cases/${idOf(9999)}/labels`, { label: "free" }, 404],
    ["a label that is no class", "POST", `cases/${unlabelled}/labels`, { label: "purple" }, 409],
    [
      "a box without width",
      "POST",
      `cases/${unlabelled}/labels`,
      { label: "crack", boxes: [{ x: 1, y: 1, width: 0, height: 3, class: "crack" }] },
      400,
    ],
    [
      "a tag of 10,000 characters",
      "POST",
      "tags",
      { project: PROJECT, name: "x".repeat(10_000), colour: "#112233" },
      400,
    ],
    ["a colour that is none", "POST", "tags", { project: PROJECT, name: "x", colour: "url(x)" }, 400],
    ["a tag of a project that is not there", "POST", "tags", { project: "none", name: "x", colour: "#112233" }, 404],
    ["a tag that is not there", "PUT", "cases/tags", { caseIds: [unlabelled], add: [999] }, 404],
    ["no case to tag", "PUT", "cases/tags", { caseIds: [], add: [1] }, 400],
    ["a work order of an unknown kind", "POST", "work-orders", { project: PROJECT, kind: "pray", title: "x" }, 400],
    [
      "a sampling rule for another kind than collect",
      "POST",
      "work-orders",
      { project: PROJECT, kind: "relabel", title: "x", samplingRule: { rate: 1, wanted: 3, until: 2e12, where: {} } },
      400,
    ],
    [
      "a rate above 1",
      "POST",
      "work-orders",
      { project: PROJECT, kind: "collect", title: "x", samplingRule: { rate: 2, wanted: 3, until: 2e12, where: {} } },
      400,
    ],
    ["a table of a project that is not there", "GET", "error-table?project=none", undefined, 404],
    ["a study of a project that is not there", "GET", "slices?project=none", undefined, 404],
    ["a work order that is not there", "PATCH", `work-orders/${idOf(1)}`, { status: "done" }, 404],
  ])("%s is refused in a sentence", async (_what, method, path, body, status) => {
    const answer = await call("ada", method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body.error?.message).toMatch(/^\S.*\S$/);
  });

  test("nothing was stored of what was refused", async () => {
    const { body } = await call("ada", "GET", `cases/${unlabelled}`);
    expect(body["case"]).toMatchObject({ label: null, tagIds: [], labels: [] });
  });

  test("the image comes bit for bit, its thumbnail small, and neither twice", async () => {
    const { cookie } = await sessionOf("vera");
    const url = `${served.url}/api/v1/cases/${unlabelled}/image`;
    const image = await fetch(url, { headers: { cookie } });
    const picture = served.seeded.pictures[119 % served.seeded.pictures.length];
    expect(Buffer.from(await image.arrayBuffer()).equals(Buffer.from(picture?.bytes ?? []))).toBe(true);
    expect(image.headers.get("content-type")).toBe("image/jpeg");
    expect(image.headers.get("cache-control")).toContain("immutable");
    const thumbnail = await fetch(`${url}?thumbnail=1`, { headers: { cookie } });
    expect(thumbnail.headers.get("content-type")).toBe("image/jpeg");
    expect((await thumbnail.arrayBuffer()).byteLength).toBeLessThan(picture?.bytes.byteLength ?? 0);
    const again = await fetch(url, { headers: { cookie, "if-none-match": image.headers.get("etag") ?? "" } });
    expect(again.status).toBe(304);
    await served.database.query
      .updateTable("cases")
      .set({ image_sha256: "0".repeat(64) })
      .where("id", "=", idOf(118))
      .execute();
    expect((await call("vera", "GET", `cases/${idOf(118)}/image?thumbnail=1`)).body.error?.code).toBe("IMAGE_GONE");
  });

  test("a label counts in the error table at once, and so does taking it back", async () => {
    const cases = async (): Promise<number> =>
      ((await call("vera", "GET", `error-table?project=${PROJECT}`)).body["table"] as { cases: number }).cases;
    const before = await cases();
    const judged = (
      await call("vera", "GET", `cases?filter=${filter({ labelled: false, verdicts: ["pass", "reject"] })}&limit=1`)
    ).body["cases"] as { id: string }[];
    const id = judged[0]?.id ?? "";
    expect((await call("grace", "POST", `cases/${id}/labels`, { label: "crack" })).body).toMatchObject({
      label: "crack",
      labelDefect: true,
    });
    expect(await cases()).toBe(before + 1);
    expect((await call("ada", "DELETE", `cases/${id}/labels/latest`)).body).toMatchObject({ label: "crack" }); // not Ada's
    expect((await call("grace", "DELETE", `cases/${id}/labels/latest`)).body).toMatchObject({ label: null });
    expect(await cases()).toBe(before);
  });

  test("a saved filter is replaced by one of its name, and deleted", async () => {
    for (const part of ["one", "two"])
      await call("grace", "PUT", "saved-filters/mine", { project: PROJECT, query: JSON.stringify({ part }) });
    const { body } = await call("vera", "GET", `saved-filters?project=${PROJECT}`);
    expect(body["filters"]).toMatchObject([{ name: "mine", query: '{"part":"two"}', createdBy: "grace" }]);
    expect((await call("grace", "DELETE", `saved-filters/mine?project=${PROJECT}`)).status).toBe(200);
    expect((await call("vera", "GET", `saved-filters?project=${PROJECT}`)).body["filters"]).toEqual([]);
  });

  test("an order to collect becomes what devices are told, and closing keeps what was measured", async () => {
    const { body: tags } = await call("vera", "GET", `tags?project=${PROJECT}`);
    const tag = (tags["tags"] as { id: number; name: string }[]).find(({ name }) => name === "dust");
    const rule = { rate: 0.5, wanted: 40, until: 2e12, where: { verdicts: ["pass"], metadata: { lamp: "dim" } } };
    const made = await call("ada", "POST", "work-orders", {
      project: PROJECT,
      tagId: tag?.id,
      kind: "collect",
      title: "Dim passes",
      samplingRule: rule,
    });
    const list = async () =>
      (await call("vera", "GET", `work-orders?project=${PROJECT}`)).body["orders"] as {
        id: string;
        title: string;
        status: string;
        samplingRule: unknown;
        measured: object | null;
        measuredGain: number | null;
      }[];
    expect((await list()).find(({ id }) => id === made.body["id"])).toMatchObject({
      status: "open",
      samplingRule: { ...rule, devices: [] },
      measured: null,
    });
    const lamp = (await list()).find(({ title }) => title.includes("Second lamp"));
    expect(lamp?.measured).not.toBeNull();
    await call("ada", "PATCH", `work-orders/${lamp?.id ?? ""}`, { status: "done" });
    const closed = (await list()).find(({ id }) => id === lamp?.id);
    expect(closed).toMatchObject({ status: "done" });
    expect(typeof closed?.measuredGain).toBe("number");
    const audit = (await call("root", "GET", "audit")).body["entries"] as { action: string }[];
    expect(audit.map(({ action }) => action)).toContain("open work order");
  });

  test("the OpenAPI document lists every route of the workbench", async () => {
    const document = (await (await fetch(`${served.url}/api/docs/json`)).json()) as {
      paths: Record<string, Record<string, { tags: string[] }>>;
    };
    for (const path of [
      "/api/v1/cases",
      "/api/v1/cases/{id}/labels",
      "/api/v1/cases/tags",
      "/api/v1/error-table",
      "/api/v1/work-orders/{id}",
      "/api/v1/saved-filters/{name}",
      "/api/v1/projects/{id}",
    ])
      expect(Object.keys(document.paths)).toContain(path);
    expect(document.paths["/api/v1/cases"]?.["get"]?.tags).toEqual(["cases"]);
  });
});
