import { afterAll, beforeAll, expect, test } from "vitest";
import { labelCase, undoLabel } from "../../../src/hub/cases/label-cases.ts";
import { recordCase } from "../../../src/hub/cases/record-case.ts";
import type { Database } from "../../../src/hub/store/database.ts";
import { labelledTwice, requireSecond, secondLabelQueue } from "../../../src/hub/workbench/second-labels.ts";
import { onBothEngines } from "../support/both-engines.ts";
import { addProject, CLASSES, idOf, makeUpload, START } from "../support/make-upload.ts";
import { PROJECT } from "./seed-workbench.ts";
import { type ServedWorkbench, serveWorkbench } from "./serve-workbench.ts";
import { openSession } from "./workbench-in-chromium.ts";

onBothEngines((engine) => {
  test("who gave a case a label that stands is no second person, whoever labelled it since", async () => {
    const database = await engine.open();
    await addProject(database, "p");
    await recordCase(database, { upload: makeUpload(1), project: "p", receivedAt: START });
    const caseId = idOf(1);
    const label = (by: string, blind = false) =>
      labelCase(database, { caseId, label: "crack", by, at: 5, blind, boxes: [], classes: CLASSES });
    const queued = async (database: Database, by: string) =>
      (await secondLabelQueue(database, { project: "p", by, count: 9 })).cases.map(({ id }) => id);
    await label("ann");
    await label("bob");
    for (const by of ["ann", "bob"])
      await expect(requireSecond(database, { caseId, by })).rejects.toMatchObject({ code: "OWN_LABEL" });
    await requireSecond(database, { caseId, by: "cy" });
    expect([await queued(database, "ann"), await queued(database, "cy")]).toEqual([[], [caseId]]);
    await label("cy", true);
    await requireSecond(database, { caseId, by: "cy" }); // takes it back and gives another
    expect(await labelledTwice(database, "p")).toMatchObject([{ first: { by: "bob" }, second: { by: "cy" } }]);
    await undoLabel(database, { caseId, by: "ann", at: 6 });
    await requireSecond(database, { caseId, by: "ann" });
  });
});

let served: ServedWorkbench;
beforeAll(async () => void (served = await serveWorkbench({ cases: 40, unlabelled: 5 })));
afterAll(() => served?.stop());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function call(user: string, method: string, path: string, body?: object): Promise<Answer> {
  const cookie = `sightline_session=${await openSession(served.url, user)}`;
  const session = await fetch(`${served.url}/api/v1/session`, { headers: { cookie } });
  const { csrfToken } = (await session.json()) as { csrfToken: string };
  const response = await fetch(`${served.url}/api/v1/${path}`, {
    method,
    headers: { cookie, "x-csrf-token": csrfToken, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

test("whoever gives a second label gets no answer that says the first", async () => {
  const queue = await call("vince", "GET", `second-labels?project=${PROJECT}`);
  const id = (queue.body["cases"] as { id: string }[])[0]?.id ?? "";
  expect(Object.keys((queue.body["cases"] as object[])[0] ?? {})).toEqual(["id"]);
  const seeing = (await call("vince", "GET", `cases/${id}`)).body["case"] as Record<string, unknown>;
  expect(seeing["label"]).not.toBeNull();
  expect(seeing["labels"]).toHaveLength(1);
  const blind = (await call("vince", "GET", `cases/${id}?blind=true`)).body["case"] as Record<string, unknown>;
  const shown = ["row", "id", "project", "part", "capturedAt", "imageSha256", "crop"];
  expect(blind).toEqual(Object.fromEntries(shown.map((name) => [name, seeing[name]])));

  const label = { label: "crack", blind: true };
  expect(await call("vince", "POST", `cases/${id}/labels`, label)).toEqual({ status: 200, body: { caseId: id } });
  const undone = await call("vince", "DELETE", `cases/${id}/labels/latest?blind=true`);
  expect(undone).toEqual({ status: 200, body: { caseId: id } });
  expect((await call("vince", "GET", `cases/${id}?blind=maybe`)).status).toBe(400);

  const { by } = (seeing["labels"] as { by: string }[])[0] ?? { by: "" };
  const own = await call(by, "POST", `cases/${id}/labels`, label);
  expect(own).toMatchObject({ status: 409, body: { error: { code: "OWN_LABEL" } } });
  expect(JSON.stringify(own.body)).toContain("a blind second label comes from somebody else.");
  expect((await call(by, "POST", `cases/${id}/labels`, { label: "crack" })).body).toMatchObject({ label: "crack" });
});
