import { describe, expect, test } from "vitest";
import { reasonBits } from "../../../src/hub/cases/merge-reasons.ts";
import { uuidv7 } from "../../../src/platform/uuid.ts";
import { caseOf, jpegOf, verdictOf } from "../support/hard-cases.ts";
import { errorOf, HubUnderTest } from "../support/running-hub.ts";

const casesOf = (hub: HubUnderTest) => hub.database.query.selectFrom("cases").selectAll().orderBy("row").execute();

test("a case arrives with all that was known of it", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const image = await jpegOf(1);
  await sender.putImage(image);
  const upload = caseOf(verdictOf({ device: "station-1" }), image, [0.25, -1, 3]);
  expect(await (await sender.putCase(upload)).json()).toEqual({ stored: "new" });

  const [row] = await casesOf(hub);
  expect(row).toMatchObject({
    id: upload.verdict.id,
    project_id: "tiles",
    device_id: "station-1",
    image_sha256: upload.image.sha256,
  });
  expect(JSON.parse(row?.verdict_json ?? "")).toEqual(upload.verdict);
  const [embedding] = await hub.database.query.selectFrom("embeddings").selectAll().execute();
  expect([...new Float32Array(new Uint8Array(embedding?.vector ?? []).buffer)]).toEqual([0.25, -1, 3]);
});

test("exactly one case however often, and from however many sides, it is sent at once", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const image = await jpegOf(1);
  await sender.putImage(image);
  const upload = caseOf(verdictOf({ device: "station-1" }), image);
  const replies = await Promise.all(
    Array.from(
      { length: 10 },
      async () => ((await (await sender.putCase(upload)).json()) as { stored: string }).stored,
    ),
  );
  expect(replies.sort()).toEqual([
    "known",
    "known",
    "known",
    "known",
    "known",
    "known",
    "known",
    "known",
    "known",
    "new",
  ]);
  expect(await casesOf(hub)).toHaveLength(1);
});

test("a reason that comes after the case is added, whatever is left of the day's number", async () => {
  const hub = await HubUnderTest.start({ limits: { dailyCases: 1 } });
  const [sender, other] = [await hub.enrol("station-1"), await hub.enrol("station-2")];
  const image = await jpegOf(1);
  for (const each of [sender, other]) await each.putImage(image);
  const upload = caseOf(verdictOf({ device: "station-1" }), image);
  await sender.putCase(upload);
  const [before] = await casesOf(hub);
  const flagged = { ...upload, reasons: ["uncertain", "operator"] as const, selectionProbability: null };
  const replies = await Promise.all(Array.from({ length: 6 }, () => sender.putCase(flagged)));
  for (const reply of replies) expect(await reply.json()).toEqual({ stored: "known" });
  expect(await casesOf(hub)).toEqual([{ ...before, reasons: reasonBits(["uncertain", "operator"]) }]);
  const verdict = { ...upload.verdict, device: "station-2" };
  const foreign = await errorOf(await other.putCase({ ...upload, verdict, reasons: ["novel"] }));
  expect(foreign).toMatchObject({ status: 403, code: "CASE_REFUSED" });
  expect(await casesOf(hub)).toHaveLength(1);
});

describe("a case is refused, with a sentence, and the others of its group are not", () => {
  test("whose image this device did not send, whether another did or not", async () => {
    const hub = await HubUnderTest.start();
    const [one, other] = [await hub.enrol("station-1"), await hub.enrol("station-2")];
    const image = await jpegOf(1);
    await one.putImage(image);
    const never = await jpegOf(2);
    const stolen = await errorOf(await other.putCase(caseOf(verdictOf({ device: "station-2" }), image)));
    const missing = await errorOf(await other.putCase(caseOf(verdictOf({ device: "station-2" }), never)));
    expect(stolen).toMatchObject({ status: 409, code: "IMAGE_NOT_SENT" });
    expect(stolen.message).toMatch(/^This device has not sent the image [0-9a-f]{64}; PUT it to/);
    const withoutHash = (text: string): string => text.replaceAll(/[0-9a-f]{64}/g, "");
    expect(withoutHash(stolen.message)).toBe(withoutHash(missing.message));
    expect(await casesOf(hub)).toEqual([]);
  });

  test("with the id of another device's case, in the same words as any that is not its own", async () => {
    const hub = await HubUnderTest.start();
    const [one, other] = [await hub.enrol("station-1"), await hub.enrol("station-2")];
    const image = await jpegOf(1);
    await one.putImage(image);
    await other.putImage(image);
    const upload = caseOf(verdictOf({ device: "station-1" }), image);
    await one.putCase(upload);
    const taken = await other.putCase({ ...upload, verdict: { ...upload.verdict, device: "station-2" } });
    const posed = await other.putCase({ ...upload, verdict: { ...upload.verdict, id: uuidv7(Date.now()) } });
    const sentence = {
      status: 403,
      code: "CASE_REFUSED",
      message: "This case is not this device's to send: its id or the device in its verdict belongs elsewhere.",
    };
    expect([await errorOf(taken), await errorOf(posed)]).toEqual([sentence, sentence]);
    expect(await casesOf(hub)).toMatchObject([{ id: upload.verdict.id, device_id: "station-1" }]);
  });

  test("with another size or type than its image has", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const image = await jpegOf(1);
    await sender.putImage(image);
    const upload = caseOf(verdictOf({ device: "station-1" }), image);
    const wrong = { ...upload, image: { ...upload.image, bytes: image.length + 1 } };
    expect(await errorOf(await sender.putCase(wrong))).toMatchObject({ status: 422, code: "IMAGE_DIFFERS" });
  });

  test("with an embedding that is none, while its neighbours are kept", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const image = await jpegOf(1);
    await sender.putImage(image);
    const good = Array.from({ length: 5 }, (_, seq) =>
      caseOf(verdictOf({ device: "station-1", verdictSeq: seq + 1 }), image),
    );
    const bad = { ...caseOf(verdictOf({ device: "station-1", verdictSeq: 9 }), image), embedding: "AAA=" };
    const [refused, ...kept] = await Promise.all([bad, ...good].map((upload) => sender.putCase(upload)));
    if (refused === undefined) throw new Error("no reply");
    const error = await errorOf(refused);
    expect(error).toMatchObject({ status: 422, code: "CASE_UNUSABLE" });
    expect(error.message).toMatch(/embedding/);
    expect(kept.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await casesOf(hub)).toHaveLength(5);
  });

  test("with an id that differs from the address, with a body that is no case, or one far too long", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const image = await jpegOf(1);
    const upload = caseOf(verdictOf({ device: "station-1" }), image);
    expect(await errorOf(await sender.putCase(upload, uuidv7(Date.now())))).toMatchObject({
      status: 400,
      message: "The id in the address is not the id of the verdict in the body.",
    });
    const { reasons: _reasons, ...withoutReasons } = upload;
    const incomplete = await errorOf(await sender.putCase(withoutReasons));
    expect(incomplete).toMatchObject({ status: 400, code: "BAD_REQUEST" });
    expect(incomplete.message).toMatch(/^In the request's body: "reasons"/);
    const bloated = { ...upload, line: "x".repeat(1_000_000) };
    expect(await errorOf(await sender.putCase(bloated))).toMatchObject({ status: 413, code: "TOO_LARGE" });
  });

  test("beyond the device's daily number, counted from the rows after a restart as well", async () => {
    const hub = await HubUnderTest.start({ limits: { dailyCases: 2 } });
    const sender = await hub.enrol("station-1");
    const image = await jpegOf(1);
    await sender.putImage(image);
    const uploads = Array.from({ length: 4 }, (_, seq) =>
      caseOf(verdictOf({ device: "station-1", verdictSeq: seq + 1 }), image),
    );
    const replies = await Promise.all(uploads.map((upload) => sender.putCase(upload)));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429]);
    const refused = replies.find(({ status }) => status === 429);
    if (refused === undefined) throw new Error("none was refused");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await errorOf(refused)).message).toMatch(/daily number of hard cases; the next day begins at midnight UTC/);
    // What is stored already is not refused: the device may not have heard the answer.
    const known = uploads[replies.findIndex(({ status }) => status === 200)];
    if (known === undefined) throw new Error("none was stored");
    expect(await (await sender.putCase(known)).json()).toEqual({ stored: "known" });
    expect(await casesOf(hub)).toHaveLength(2);
  });
});
