import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CommandReply } from "../../../src/contracts/command.ts";
import { SightlineError } from "../../../src/contracts/errors.ts";
import { Verdict } from "../../../src/contracts/verdict.ts";
import { ErrorBody } from "../../../src/http/error-body.ts";
import { FrameBody, Readiness, StatusBody, VerdictList } from "../../../src/edge/status/api-schemas.ts";
import { decodeImage } from "../../../src/imaging/decode-image.ts";
import { uuidv7 } from "../../../src/platform/uuid.ts";
import { serveFakeDevice, type ServedDevice } from "./serve-fake-device.ts";

const JSON_TYPE = { "content-type": "application/json" };
const JPEG_START = new Uint8Array([0xff, 0xd8, 0xff, 0xe0]);
const unknownId = uuidv7(0);
interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly responses: Readonly<
    Record<
      string,
      { readonly description?: string; readonly content: Readonly<Record<string, { readonly schema?: object }>> }
    >
  >;
}
let served: ServedDevice;

beforeEach(async () => {
  served = await serveFakeDevice({ uploadLimitBytes: 100_000 });
});
afterEach(() => served.server.stop());

const get = (path: string): Promise<Response> => fetch(served.url + path);
const post = (path: string, body: BodyInit | null, headers: Record<string, string> = JSON_TYPE): Promise<Response> =>
  fetch(served.url + path, { method: "POST", body, headers });
const errorOf = async (response: Response): Promise<ErrorBody["error"]> => ErrorBody.parse(await response.json()).error;

describe("looking", () => {
  test("the process lives, and says ready only when the device inspects", async () => {
    expect(await (await get("/healthz")).json()).toEqual({ ok: true });
    expect((await get("/readyz")).status).toBe(200);
    served.device.behaviour.ready = false;
    served.device.behaviour.status = {
      state: "not-inspecting",
      problems: [{ code: "CAMERA_LOST", sentence: "The camera is gone." }],
    };
    const response = await get("/readyz");
    expect(response.status).toBe(503);
    expect(Readiness.parse(await response.json())).toEqual({
      ready: false,
      state: "not-inspecting",
      reasons: [{ code: "CAMERA_LOST", sentence: "The camera is gone." }],
    });
  });

  test("the status obeys its published schema", async () => {
    served.device.inspect({ kind: "reject" });
    const status = StatusBody.parse(await (await get("/api/v1/status")).json());
    expect(status.counts.reject).toBe(1);
  });

  test("metrics come as Prometheus text", async () => {
    const response = await get("/metrics");
    expect(response.headers.get("content-type")).toContain("text/plain");
    expect(await response.text()).toContain("sightline_triggers_total 0");
  });

  test("verdicts come newest first, 50 unless told", async () => {
    for (let part = 0; part < 60; part++) served.device.inspect({ kind: "pass" });
    const { verdicts } = VerdictList.parse(await (await get("/api/v1/verdicts")).json());
    expect(verdicts).toHaveLength(50);
    expect(verdicts[0]?.verdictSeq).toBe(60);
    expect(VerdictList.parse(await (await get("/api/v1/verdicts?limit=2")).json()).verdicts).toHaveLength(2);
  });

  test.each(["0", "1001", "-1", "1.5", "many", ""])("a limit of %j is refused with a sentence", async (limit) => {
    const response = await get(`/api/v1/verdicts?limit=${limit}`);
    expect(response.status).toBe(400);
    expect((await errorOf(response)).message).toMatch(/In the request's query: "limit": .+/);
  });

  test("an unknown query field is refused by name", async () => {
    const response = await get("/api/v1/verdicts?limits=3");
    expect((await errorOf(response)).message).toContain('"limits"');
  });

  test("an unknown address says where to look", async () => {
    const response = await get("/api/v1/nothing");
    expect(response.status).toBe(404);
    expect((await errorOf(response)).message).toContain("/api/docs");
  });
});

describe("frames", () => {
  test("before the first part there is none, said in a sentence", async () => {
    for (const path of ["/api/v1/frames/latest.json", "/api/v1/frames/latest.jpg"]) {
      const response = await get(path);
      expect(response.status).toBe(404);
      expect(await errorOf(response)).toMatchObject({
        code: "NO_FRAME",
        message: expect.stringMatching(/no frame\.$/),
      });
    }
  });

  test("the picture of a description is that of its verdict, even when the next part has come", async () => {
    served.device.inspect({ kind: "reject" });
    const first = FrameBody.parse(await (await get("/api/v1/frames/latest.json")).json());
    served.device.inspect({ kind: "pass" });
    const response = await get(first.image);
    expect(response.headers.get("x-verdict-id")).toBe(first.verdict.id);
    const decoded = await decodeImage(new Uint8Array(await response.arrayBuffer()));
    expect(decoded).toMatchObject({ ok: true, image: { widthPx: first.widthPx, heightPx: first.heightPx } });
    expect(first.heatmap?.values).toHaveLength(12 * 16);
    expect((await get("/api/v1/frames/latest.jpg")).headers.get("x-verdict-id")).not.toBe(first.verdict.id);
  });

  test("ten viewers cost one encoding", async () => {
    served.device.inspect({ kind: "pass" });
    let reads = 0;
    const latest = served.device.latestFrame();
    if (latest === undefined) throw new Error("no frame");
    const { image } = latest;
    const counted = {
      ...image,
      get pixels() {
        reads++;
        return image.pixels;
      },
    };
    served.device.latestFrame = () => ({ ...latest, image: counted });
    const pictures = await Promise.all(
      Array.from({ length: 10 }, async () => (await get("/api/v1/frames/latest.jpg")).arrayBuffer()),
    );
    expect(new Set(pictures.map((picture) => Buffer.from(picture).toString("base64"))).size).toBe(1);
    expect(reads).toBe(1);
  });

  test("a frame long gone is refused, and an id that is none", async () => {
    served.device.inspect({ kind: "pass" });
    expect(await errorOf(await get(`/api/v1/frames/latest.jpg?id=${unknownId}`))).toMatchObject({ code: "FRAME_GONE" });
    expect((await get("/api/v1/frames/latest.jpg?id=7")).status).toBe(400);
  });

  test("a fault has a frame without heatmap", async () => {
    served.device.inspect({ kind: "fault", reason: "dark" });
    expect(FrameBody.parse(await (await get("/api/v1/frames/latest.json")).json()).heatmap).toBeNull();
  });
});

describe("triggering and uploading", () => {
  test("a trigger answers with the verdict of its part", async () => {
    const response = await post("/api/v1/trigger", JSON.stringify({ part: "A-1", id: "req-1", deadlineMs: 500 }));
    expect(Verdict.parse(await response.json()).part).toBe("A-1");
    expect(served.device.acts).toEqual([
      { action: "trigger", detail: { schema: 1, part: "A-1", id: "req-1", deadlineMs: 500 } },
    ]);
  });

  test("a trigger needs no body", async () => {
    const response = await fetch(`${served.url}/api/v1/trigger`, { method: "POST" });
    expect(Verdict.parse(await response.json()).verdict).toBe("pass");
  });

  test.each([
    ["not JSON", "{part", 400, "The body is not valid JSON."],
    ["an unknown field", '{"prat":"A"}', 400, '"prat"'],
    ["an impossible deadline", '{"deadlineMs":0}', 400, '"deadlineMs"'],
    ["a list", "[]", 400, "expected object"],
  ])("a trigger with %s is refused", async (_what, body, status, words) => {
    const response = await post("/api/v1/trigger", body);
    expect(response.status).toBe(status);
    expect((await errorOf(response)).message).toContain(words);
    expect(served.device.acts).toEqual([]);
  });

  test("a form cannot trigger", async () => {
    const response = await post("/api/v1/trigger", "part=A", { "content-type": "application/x-www-form-urlencoded" });
    expect(response.status).toBe(415);
    expect(await errorOf(response)).toMatchObject({ code: "UNSUPPORTED_MEDIA_TYPE" });
    expect((await post("/api/v1/trigger", '{"part":"A"}', { "content-type": "text/plain" })).status).toBe(415);
  });

  test.each(["image/jpeg", "image/svg+xml", "application/octet-stream"])("an image may come as %s", async (type) => {
    const response = await post("/api/v1/inspect?part=B-2", JPEG_START, { "content-type": type });
    expect(Verdict.parse(await response.json())).toMatchObject({ verdict: "pass", part: "B-2" });
    expect(served.device.acts).toEqual([{ action: "inspect", detail: { byteLength: 4, part: "B-2" } }]);
  });

  test("an image may come as a form's file", async () => {
    const form = new FormData();
    form.append("note", "hello");
    form.append("image", new Blob([JPEG_START]), "part.jpg");
    expect((await post("/api/v1/inspect", form, {})).status).toBe(200);
    expect(served.device.acts).toEqual([{ action: "inspect", detail: { byteLength: 4, part: undefined } }]);
    const empty = new FormData();
    empty.append("note", "hello");
    expect((await errorOf(await post("/api/v1/inspect", empty, {}))).message).toContain("no file");
  });

  test("what is no image gets the device's own verdict: a fault", async () => {
    const response = await post("/api/v1/inspect", "hello", { "content-type": "image/png" });
    expect(Verdict.parse(await response.json())).toMatchObject({ verdict: "fault", reason: "unreadable" });
  });

  test("what the device throws keeps its code and gets its status", async () => {
    served.device.behaviour.failInspection = new SightlineError("JOURNAL_FULL", "no space is left.");
    const refused = await post("/api/v1/inspect", JPEG_START, { "content-type": "image/jpeg" });
    expect(refused.status).toBe(503);
    expect(await errorOf(refused)).toEqual({
      code: "JOURNAL_FULL",
      message: "the journal cannot be written: no space is left.",
    });
    served.device.behaviour.failInspection = new Error("secret path /etc/x");
    const broken = await post("/api/v1/trigger", "{}");
    expect(broken.status).toBe(500);
    expect((await errorOf(broken)).message).not.toContain("secret");
  });

  test("too large, empty and wrongly typed bodies are refused", async () => {
    const large = await post("/api/v1/inspect", new Uint8Array(100_001), { "content-type": "image/jpeg" });
    expect(large.status).toBe(413);
    expect(await errorOf(large)).toMatchObject({ code: "TOO_LARGE" });
    expect((await post("/api/v1/inspect", new Uint8Array(0), { "content-type": "image/jpeg" })).status).toBe(400);
    expect((await post("/api/v1/inspect", "x", { "content-type": "text/html" })).status).toBe(415);
    expect((await post("/api/v1/inspect?part=", JPEG_START, { "content-type": "image/jpeg" })).status).toBe(400);
  });

  test("more uploads at once than fit in memory are turned away, and later ones served", async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const inspectImage = served.device.inspectImage.bind(served.device);
    served.device.inspectImage = async (bytes, part) => gate.then(() => inspectImage(bytes, part));
    const upload = (): Promise<Response> => post("/api/v1/inspect", JPEG_START, { "content-type": "image/jpeg" });
    const uploads = Array.from({ length: 9 }, upload);
    const turnedAway = await Promise.race(uploads);
    expect(turnedAway.status).toBe(503);
    expect(turnedAway.headers.get("retry-after")).toBe("1");
    release();
    const statuses = (await Promise.all(uploads)).map((response) => response.status).sort();
    expect(statuses).toEqual([...Array<number>(8).fill(200), 503]);
    await expect.poll(async () => (await upload()).status).toBe(200);
  });
});

describe("a person's say", () => {
  test("flag and override reach the device with who and why", async () => {
    const { id } = served.device.inspect({ kind: "reject" });
    const flagged = await post(`/api/v1/verdicts/${id}/flag`, JSON.stringify({ note: "odd", by: "Ada" }));
    expect(CommandReply.parse(await flagged.json()).ok).toBe(true);
    expect(
      (await post(`/api/v1/verdicts/${id}/override`, JSON.stringify({ verdict: "pass", reason: "only dust" }))).status,
    ).toBe(200);
    expect(served.device.acts).toEqual([
      { action: "flag", detail: { verdictId: id, note: "odd", by: "Ada" } },
      { action: "override", detail: { verdictId: id, verdict: "pass", reason: "only dust", by: "" } },
    ]);
  });

  test.each([
    ["without a reason", { verdict: "pass" }],
    ["with too short a reason", { verdict: "pass", reason: "ok" }],
    ["to review", { verdict: "review", reason: "unsure" }],
    ["with an unknown field", { verdict: "pass", reason: "dust", colour: "red" }],
  ])("an override %s is refused", async (_what, body) => {
    const { id } = served.device.inspect({ kind: "reject" });
    const response = await post(`/api/v1/verdicts/${id}/override`, JSON.stringify(body));
    expect(response.status).toBe(400);
    expect(served.device.acts).toEqual([]);
  });

  test("an unknown verdict is not found, and what is no id is refused", async () => {
    const response = await post(`/api/v1/verdicts/${unknownId}/flag`, "{}");
    expect(response.status).toBe(404);
    expect(await errorOf(response)).toMatchObject({ code: "UNKNOWN_VERDICT" });
    expect((await post("/api/v1/verdicts/7/flag", "{}")).status).toBe(400);
  });

  test("the recipe is switched by name; an unknown one and a refusal are told apart", async () => {
    expect((await post("/api/v1/recipe", '{"recipe":"tile-edge"}')).status).toBe(200);
    expect(served.device.recipe).toBe("tile-edge");
    expect((await post("/api/v1/recipe", '{"recipe":"tile-egde"}')).status).toBe(404);
    served.device.behaviour.refuseCommands = "A changeover is under way.";
    const refused = await post("/api/v1/recipe", '{"recipe":"tile-surface"}');
    expect(refused.status).toBe(409);
    expect(await errorOf(refused)).toEqual({ code: "REFUSED", message: "A changeover is under way." });
  });
});

describe("page and documentation", () => {
  test("the page and its files are served with headers that keep it to itself", async () => {
    const page = await get("/");
    expect(await page.text()).toBe(
      await readFile(new URL("../../../src/edge/status/page/index.html", import.meta.url), "utf8"),
    );
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toContain("unsafe");
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    expect(page.headers.get("access-control-allow-origin")).toBeNull();
    for (const file of ["app.js", "style.css", "icon.svg"]) expect((await get(`/${file}`)).status).toBe(200);
    expect((await get("/..%2fstatus-server.ts")).status).toBe(404);
  });

  test("the OpenAPI document lists every route, each answer described, every parameter declared", async () => {
    const document = await (await get("/api/docs/json")).json();
    expect(document.openapi).toBe("3.1.0");
    expect(
      Object.entries<object>(document.paths)
        .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
        .sort(),
    ).toEqual([
      "get /api/v1/drift",
      "get /api/v1/drift/pictures/{sheet}/{index}",
      "get /api/v1/events",
      "get /api/v1/frames/latest.jpg",
      "get /api/v1/frames/latest.json",
      "get /api/v1/status",
      "get /api/v1/verdicts",
      "get /healthz",
      "get /metrics",
      "get /readyz",
      "post /api/v1/drift/acknowledge",
      "post /api/v1/drift/relearn",
      "post /api/v1/inspect",
      "post /api/v1/recipe",
      "post /api/v1/trigger",
      "post /api/v1/verdicts/{id}/flag",
      "post /api/v1/verdicts/{id}/override",
    ]);
    for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
      for (const operation of Object.values(methods)) {
        expect(operation.summary, path).toBeTruthy();
        const declared = (operation.parameters ?? []).filter((each) => each.in === "path").map((each) => each.name);
        expect(declared).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
        for (const response of Object.values(operation.responses)) {
          expect(response.description, path).toBeTruthy();
          expect(Object.values(response.content).every((media) => media.schema !== undefined)).toBe(true);
        }
      }
    }
    const inspect = document.paths["/api/v1/inspect"].post;
    expect(Object.keys(inspect.responses), "a bad image is a fault, no error").not.toContain("422");
    const override =
      document.paths["/api/v1/verdicts/{id}/override"].post.requestBody.content["application/json"].schema;
    expect(override).toMatchObject({
      required: ["verdict", "reason"],
      properties: { reason: { minLength: 3 } },
      additionalProperties: false,
    });
    expect(JSON.stringify(document)).not.toContain("$ref");
  });

  test("after stop nothing answers and nobody listens to the device any more", async () => {
    expect(served.device.listenerCount).toBe(1);
    await served.server.stop();
    expect(served.device.listenerCount).toBe(0);
    await expect(get("/healthz")).rejects.toThrow();
  });
});
