import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { datasetExport } from "../../../src/commands/dataset/export.ts";
import { readDataset } from "../../../src/datasets/read-dataset.ts";
import { labelCase } from "../../../src/hub/cases/label-cases.ts";
import { createApiToken } from "../../../src/hub/people/api-tokens.ts";
import { captured } from "../../commands/captured-output.ts";
import { caseOf, jpegOf, verdictOf } from "../support/hard-cases.ts";
import { CLASSES } from "../support/make-upload.ts";
import { errorOf, HubUnderTest, PROJECT, sha256Of, temporaryFolder } from "../support/running-hub.ts";

/** Six cases, the last without a label. */
async function hubWithCases(): Promise<{ hub: HubUnderTest; images: Buffer[]; token: string }> {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const images = await Promise.all([1, 2, 3, 4, 5, 6].map(jpegOf));
  for (const [index, image] of images.entries()) {
    await sender.putImage(image);
    const upload = caseOf(verdictOf({ device: "station-1", verdictSeq: index + 1 }), image);
    expect((await sender.putCase(upload)).status).toBe(200);
    if (index === 5) continue;
    await labelCase(hub.database, {
      ...{ caseId: upload.verdict.id, label: index < 2 ? "crack" : "good", by: "labeller", at: index, blind: false },
      ...{ boxes: index === 0 ? [{ x: 2, y: 3, width: 4, height: 5, class: "crack" }] : [], classes: CLASSES },
    });
  }
  const wish = { purpose: "central team", role: "viewer", days: 1 } as const;
  const { token } = await createApiToken(hub.database, wish, { by: "viewer", at: Date.now() });
  return { hub, images, token };
}

async function makeVersion(hub: HubUnderTest, filter: object = {}): Promise<string> {
  const engineer = await hub.signIn("engineer");
  const made = await engineer.send("POST", "/api/v1/datasets", { project: PROJECT, name: "monthly", filter });
  expect(made.status).toBe(200);
  const { version } = (await made.json()) as { version: { sha256: string } };
  return version.sha256;
}

test("a version is pulled with every image bit for bit, and has the same name on this side", async () => {
  const { hub, images, token } = await hubWithCases();
  const version = await makeVersion(hub);
  const out = join(temporaryFolder(), "pulled");
  const run = await captured(() =>
    datasetExport(["--hub", hub.url, "--token", token, "--version", version, "--out", out, "--json"]),
  );
  expect(run).toMatchObject({ code: 0 });
  expect(JSON.parse(run.stdout)).toMatchObject({ version, images: 5, refused: [] });
  const { folder } = await readDataset({ path: out });
  expect(folder.refused).toEqual([]);
  const pulled = await Promise.all(folder.images.map(async ({ path }) => sha256Of(await readFile(path))));
  expect(pulled.sort()).toEqual(images.slice(0, 5).map(sha256Of).sort());
  expect(folder.columns).toEqual(expect.arrayContaining(["part", "split", "device", "shift"]));
  expect(folder.images.find(({ file }) => file.includes(sha256Of(images[0] ?? Buffer.of())))).toMatchObject({
    label: "crack",
    boxes: [{ label: "crack", xPx: 2, yPx: 3, widthPx: 4, heightPx: 5 }],
    metadata: { part: "part-1", temperature: "21.5" },
  });
  expect(await readdir(join(out, ".."))).toEqual(["pulled"]);
});

test("hard cases are pulled by filter for Label Studio, those to be labelled too", async () => {
  const { hub, token } = await hubWithCases();
  const out = join(temporaryFolder(), "tasks");
  const filter = JSON.stringify({ project: PROJECT, reasons: ["uncertain"] });
  const args = [
    "--hub",
    hub.url,
    "--token",
    token,
    "--filter",
    filter,
    "--format",
    "label-studio",
    "--out",
    out,
    "--json",
  ];
  const run = await captured(() => datasetExport(args));
  expect(JSON.parse(run.stdout)).toMatchObject({ images: 6 });
  const tasks = JSON.parse(await readFile(join(out, "label-studio.json"), "utf8")) as { annotations: object[] }[];
  expect(tasks.filter(({ annotations }) => annotations.length === 0)).toHaveLength(1);
});

test("what became of a version is told by the hub", async () => {
  const { hub } = await hubWithCases();
  const first = await makeVersion(hub, { classes: ["crack"], lines: ["line1"] });
  const viewer = await hub.signIn("viewer");
  expect(await errorOf(await viewer.get(`/api/v1/datasets/${first}/diff`))).toMatchObject({ code: "NO_PARENT" });
  const { id } = await hub.database.query.selectFrom("cases").select("id").orderBy("row").executeTakeFirstOrThrow();
  await labelCase(hub.database, {
    ...{ caseId: id, label: "good", by: "labeller", at: 99, blind: false, boxes: [], classes: CLASSES },
  });
  const second = await makeVersion(hub, { classes: ["crack"], lines: ["line1"] });
  const diff = await (await viewer.get(`/api/v1/datasets/${second}/diff`)).json();
  expect(diff).toMatchObject({
    ...{ before: first, after: second, added: 0, removed: 0, changed: 1, unchanged: 4 },
    relabelled: [{ from: "crack", to: "good", images: 1 }],
    fields: { label: 1, boxes: 1, part: 0, metadata: 0 },
  });
  const list = (await (await viewer.get(`/api/v1/datasets?project=${PROJECT}`)).json()) as { versions: object[] };
  expect(list.versions).toHaveLength(2);
  const one = await (await viewer.get(`/api/v1/datasets/${second}`)).json();
  expect(one).toMatchObject({ parent: first, report: { frames: expect.any(Object), leftOut: { copies: 0 } } });
});

test("a version's listing is also had in the formats of others", async () => {
  const { hub } = await hubWithCases();
  const version = await makeVersion(hub);
  const viewer = await hub.signIn("viewer");
  for (const format of ["csv", "coco", "label-studio", "fiftyone"]) {
    const response = await viewer.get(`/api/v1/datasets/${version}/export?format=${format}`);
    expect(response.status).toBe(200);
    const text = await response.text();
    if (format === "csv") expect(text.split("\n")).toHaveLength(7);
    else expect(() => JSON.parse(text) as object).not.toThrow();
  }
});

test("whoever may not is told so, and nothing else", async () => {
  const { hub, images, token } = await hubWithCases();
  const version = await makeVersion(hub);
  for (const path of [
    "/api/v1/datasets",
    `/api/v1/datasets/${version}`,
    `/api/v1/datasets/${version}/export`,
    `/api/v1/datasets/cases?filter=${encodeURIComponent(`{"project":"${PROJECT}"}`)}`,
    `/api/v1/datasets/images/${sha256Of(images[0] ?? Buffer.of())}`,
  ]) {
    expect((await hub.fetch(path)).status).toBe(401);
  }
  const authorization = `Bearer ${token}`;
  const get = (path: string) => hub.fetch(path, { headers: { authorization } });
  const made = await hub.fetch("/api/v1/datasets", {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ project: PROJECT, name: "x" }),
  });
  expect(await errorOf(made)).toMatchObject({ status: 403, code: "ROLE_TOO_LOW" });
  expect(await errorOf(await get(`/api/v1/datasets/${"0".repeat(64)}`))).toMatchObject({ code: "UNKNOWN_DATASET" });
  expect(await errorOf(await get(`/api/v1/datasets/images/${"0".repeat(64)}`))).toMatchObject({
    code: "UNKNOWN_IMAGE",
  });
  expect((await get("/api/v1/datasets/images/..%2f..%2fhub.sqlite")).status).toBe(400);
  expect(await errorOf(await get("/api/v1/datasets/cases?filter=nonsense"))).toMatchObject({ status: 400 });

  const out = join(temporaryFolder(), "pulled");
  const run = (...args: string[]) => captured(() => datasetExport(["--hub", hub.url, "--out", out, ...args]));
  await expect(run("--token", "slat_wrong", "--version", version)).rejects.toThrow("is not known, was revoked");
  await expect(run("--token", token, "--filter", '{"project":"none"}')).rejects.toThrow('There is no project "none"');
  await expect(run("--token", token, "--filter", "{")).rejects.toThrow("--filter is not JSON");
  await expect(run("--token", token)).rejects.toThrow("either --version or --filter");
});
