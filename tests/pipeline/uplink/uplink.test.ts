import { hash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { decodeImage } from "../../../src/imaging/decode-image.ts";
import { credentialPath, readCredential, writeCredential } from "../../../src/pipeline/uplink/credential.ts";
import { enrol } from "../../../src/pipeline/uplink/enrol.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { temporaryDirectory } from "../journal/open-journal.ts";
import { sampleVerdict } from "../journal/sample-rows.ts";
import { decide, noise, uncertain, uplinkTo, type OpenUplink } from "./open-uplink.ts";

const PNG = { image: { format: "png", quality: 90, crop: null } } as const;
const NO_AUDIT = { auditShare: 0 };
const SOON = { timeout: 15_000, interval: 20 };

const decideMany = (open: OpenUplink, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => {
    const verdict = uncertain(open.bootSeq, from + at);
    decide(open, verdict);
    return verdict.id;
  });
const waiting = ({ uplink }: OpenUplink) => expect.poll(() => uplink.status().waiting, SOON);

describe("cases on their way to the hub", () => {
  it("arrive once, with their pixels bit for bit, embedding and metadata", async () => {
    const hub = await FakeHub.start();
    const shifts = [{ name: "all", from: "00:00", to: "00:00" }];
    const cases = { ...NO_AUDIT, ...PNG, shifts, metadata: { lighting: "ring" } };
    const open = await uplinkTo(hub, temporaryDirectory(), { cases });
    const verdict = uncertain(open.bootSeq, 1);
    const embedding = Float32Array.of(0.5, -2, 1e-3);
    decide(open, verdict, { embedding, metadata: { temperature: 71.5 } });
    decide(open, sampleVerdict(open.bootSeq, 2)); // nothing hard about it
    await expect.poll(() => hub.cases.size, SOON).toBe(1);
    const upload = hub.cases.get(verdict.id);
    expect(upload).toMatchObject({ verdict, reasons: ["uncertain"], selectionProbability: 1, product: "tile" });
    expect(upload).toMatchObject({ line: "hall-2/line-4", image: { mediaType: "image/png", crop: null, masked: 0 } });
    expect(upload?.metadata).toEqual({ lighting: "ring", temperature: 71.5, shift: "all" });
    const vector = Buffer.from(upload?.embedding ?? "", "base64");
    expect([0, 4, 8].map((at) => vector.readFloatLE(at))).toEqual([...embedding]);
    const image = await decodeImage(hub.images.get(upload?.image.sha256 ?? "") ?? Buffer.alloc(0));
    if (!image.ok) throw new Error(image.detail);
    expect(Buffer.compare(image.image.pixels, noise(1).pixels)).toBe(0);
    await waiting(open).toBe(0);
    expect(hub.arrivals).toEqual([verdict.id]);
  });

  it("leave when their verdict is on disk, never before, and not at all where the disk has not taken it", async () => {
    const hub = await FakeHub.start();
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT });
    const onDisk = Promise.withResolvers<"recorded">();
    decide(open, uncertain(open.bootSeq, 1), { recording: Promise.resolve("unrecorded") });
    await expect.poll(() => open.uplink.status().leftOut, SOON).toBe(1);
    const verdict = uncertain(open.bootSeq, 2);
    decide(open, verdict, { recording: onDisk.promise });
    await setTimeout(100);
    expect(open.uplink.status().waiting + hub.cases.size).toBe(0);
    onDisk.resolve("recorded");
    await expect.poll(() => [...hub.cases.keys()], SOON).toEqual([verdict.id]);
  });

  it("leave masked: the hub's picture is black where it shall be, and nothing else was ever written", async () => {
    const hub = await FakeHub.start();
    const mask = { x: 8, y: 8, width: 16, height: 16 };
    const privacy = { frame: { width: 64, height: 48 }, masks: [mask] };
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: { ...NO_AUDIT, ...PNG, privacy } });
    const frame = noise(1);
    decide(open, uncertain(open.bootSeq, 1), { image: frame });
    decide(open, uncertain(open.bootSeq, 2), { image: noise(2, 128, 96) });
    await expect.poll(() => hub.images.size, SOON).toBe(1);
    const [stored = Buffer.alloc(0)] = hub.images.values();
    const decoded = await decodeImage(stored);
    if (!decoded.ok) throw new Error(decoded.detail);
    const expected = frame.pixels.slice();
    for (let y = 8; y < 24; y++) expected.fill(0, (y * 64 + 8) * 3, (y * 64 + 24) * 3);
    expect(Buffer.compare(decoded.image.pixels, expected)).toBe(0);
    await expect
      .poll(() => open.uplink.status(), SOON)
      .toMatchObject({
        leftOut: 1,
        problem: { code: "masks-do-not-fit" },
      });
  });

  it(
    "survive answers that are lost, errors and dropped connections, each still one case",
    { timeout: 60_000 },
    async () => {
      const hub = await FakeHub.start();
      let turn = 0;
      hub.interfere = () => {
        turn++;
        if (turn > 24) return undefined;
        return [{ drop: true }, { dropAfter: true }, undefined, undefined][turn % 4] as { drop: true } | undefined;
      };
      const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT });
      const ids = decideMany(open, 1, 4);
      await expect.poll(() => [...hub.cases.keys()].sort(), { timeout: 50_000 }).toEqual(ids.sort());
      await waiting(open).toBe(0);
      for (const [sha256, image] of hub.images) expect(hash("sha256", image)).toBe(sha256);
    },
  );

  it("wait as long as the hub asks for", async () => {
    const hub = await FakeHub.start();
    let busy = true;
    hub.interfere = (method) =>
      busy && method === "HEAD" ? { status: 429, headers: { "retry-after": "2" } } : undefined;
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT, sendsVerdicts: true });
    await expect.poll(() => hub.count("GET", /orders/), SOON).toBe(1); // new limits would let it ask at once
    decideMany(open, 1, 1);
    await expect.poll(() => hub.count("HEAD", /images/), SOON).toBe(1);
    await expect.poll(() => open.uplink.status().hold, SOON).not.toBeNull();
    decide(open, sampleVerdict(open.bootSeq, 2));
    const askedAt = Date.now();
    busy = false;
    await expect.poll(() => hub.cases.size, SOON).toBe(1);
    expect(Date.now() - askedAt).toBeGreaterThan(1900);
    expect(hub.count("HEAD", /images/)).toBe(2);
    await expect.poll(() => hub.verdicts.size, SOON).toBe(2);
    const rows = hub.requests.find(({ path, atMs }) => path.endsWith("verdicts") && atMs > askedAt);
    expect(rows?.atMs, "a limit on cases holds up no verdict").toBeLessThan(askedAt + 1900);
  });

  it("are sent again with their image by a hub that only believed it had it", async () => {
    const hub = await FakeHub.start();
    hub.claimsImages = true;
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT });
    decideMany(open, 1, 1);
    await expect.poll(() => hub.cases.size, SOON).toBe(1);
    expect(hub.images.size).toBe(1);
  });

  it("whose image the hub has already cost no image", async () => {
    const hub = await FakeHub.start();
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT });
    const image = noise(5);
    for (const seq of [1, 2, 3]) decide(open, uncertain(open.bootSeq, seq), { image });
    await expect.poll(() => hub.cases.size, SOON).toBe(3);
    expect(hub.count("PUT", /images/)).toBe(1);
  });

  it("that the hub declines are kept and said, and hold up no other", async () => {
    const hub = await FakeHub.start();
    const directory = temporaryDirectory();
    const open = await uplinkTo(hub, directory, { cases: NO_AUDIT });
    const bad = uncertain(open.bootSeq, 1);
    const body = { error: { code: "NO", message: "This case belongs to somebody else." } };
    hub.interfere = (method, path) => (method === "PUT" && path.includes(bad.id) ? { status: 403, body } : undefined);
    decide(open, bad);
    await expect
      .poll(() => open.uplink.status(), SOON)
      .toMatchObject({
        refused: 1,
        problem: { code: "hub-declines", sentence: expect.stringContaining("belongs to somebody else") },
      });
    const [good] = decideMany(open, 2, 2);
    await expect.poll(() => hub.cases.has(good ?? ""), SOON).toBe(true);
    await expect.poll(() => open.uplink.status(), SOON).toMatchObject({ waiting: 1, sent: 1 });
  });

  it("wait for the end of quiet hours and within the day's budget", async () => {
    const hub = await FakeHub.start();
    const directory = temporaryDirectory();
    const quiet = await uplinkTo(hub, directory, {
      cases: NO_AUDIT,
      budget: { quietHours: [{ from: "00:00", to: "00:00" }] },
      sendsVerdicts: true,
    });
    decideMany(quiet, 1, 3);
    await waiting(quiet).toBe(3);
    await expect.poll(() => hub.verdicts.size, SOON).toBe(3); // rows know no quiet hours
    expect(hub.count("PUT", /cases/)).toBe(0);
    expect(quiet.uplink.status().hold).toBe("quiet hours");
    await quiet.uplink.stop();
    await quiet.journal.stop();

    const open = await uplinkTo(hub, directory, { cases: NO_AUDIT, budget: { dailyCases: 2 } });
    await expect.poll(() => open.uplink.status().hold, SOON).toBe("the day's number of cases is sent");
    expect(hub.cases.size).toBe(2);
    expect(open.uplink.status().waiting).toBe(1);
  });

  it("go no faster than the bandwidth allows", async () => {
    const hub = await FakeHub.start();
    const open = await uplinkTo(hub, temporaryDirectory(), {
      cases: { ...NO_AUDIT, ...PNG },
      budget: { bytesPerSecond: 5000 },
    });
    const startedAt = Date.now();
    decideMany(open, 1, 1); // noise: about 9 kB
    await expect.poll(() => hub.cases.size, SOON).toBe(1);
    const seconds = (Date.now() - startedAt) / 1000;
    const bytes = hub.requests.reduce((sum, request) => sum + request.bytes, 0);
    expect(bytes).toBeGreaterThan(8000);
    expect(bytes / seconds).toBeLessThan(5000 * 1.35); // the last piece is not waited for
  });

  it("more than fit the quota while the hub is away cost the oldest, which the hub is told by name", async () => {
    const hub = await FakeHub.start();
    await hub.stop();
    const directory = temporaryDirectory();
    const open = await uplinkTo(hub, directory, {
      cases: { ...NO_AUDIT, ...PNG, spoolBytes: 4_000_000 },
      sendsVerdicts: true,
    });
    const ids: string[] = [];
    for (let seq = 1; seq <= 8; seq++) {
      const verdict = uncertain(open.bootSeq, seq);
      ids.push(verdict.id);
      decide(open, verdict, { image: noise(seq, 512, 320) }); // 0.47 MB, as good as incompressible
      await expect.poll(() => open.uplink.status().waiting + open.uplink.status().lost, SOON).toBe(seq);
    }
    const { waiting: kept, lost } = open.uplink.status();
    expect(lost).toBeGreaterThan(1);
    await hub.listen();
    await expect.poll(() => hub.cases.size, { timeout: 30_000 }).toBe(kept);
    await expect.poll(() => hub.lost.size, { timeout: 30_000 }).toBe(lost);
    expect([...hub.lost.keys()]).toEqual(ids.slice(0, lost));
    expect([...hub.cases.keys()].sort()).toEqual(ids.slice(lost).sort());
    expect(hub.verdicts.size, "verdicts are never given up").toBe(8);
  });

  it("that a person flags have their picture, wherever the case is by then", async () => {
    const hub = await FakeHub.start();
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT });
    const verdict = sampleVerdict(open.bootSeq, 1);
    decide(open, verdict);
    expect(await open.uplink.flag(verdict.id, "Ann", "scratch?")).toBe("queued");
    await expect
      .poll(() => hub.cases.get(verdict.id), SOON)
      .toMatchObject({
        reasons: ["operator"],
        selectionProbability: null,
        metadata: { flaggedBy: "Ann", flagNote: "scratch?" },
      });
    expect(await open.uplink.flag(sampleVerdict(1, 9).id, "Ann", "")).toBe("gone");
  });
});

describe("a part that a person flags after its case was sent", () => {
  const send = async (hub: FakeHub, directory: string): Promise<{ open: OpenUplink; id: string }> => {
    const open = await uplinkTo(hub, directory, { cases: { ...NO_AUDIT, recentBytes: 0 } });
    const verdict = uncertain(open.bootSeq, 1);
    decide(open, verdict);
    await expect.poll(() => open.uplink.status().sent, SOON).toBe(1);
    return { open, id: verdict.id };
  };
  const end = async ({ uplink, journal }: OpenUplink): Promise<void> => {
    await uplink.stop();
    await journal.stop();
  };

  it("is told to the hub once, without its picture, also when flagged twice and over a restart", async () => {
    const hub = await FakeHub.start();
    const directory = temporaryDirectory();
    const { open, id } = await send(hub, directory);
    const first = hub.cases.get(id);
    expect(await open.uplink.flag(id, "Ann", "scratch?")).toBe("told");
    await expect.poll(() => hub.arrivals, SOON).toEqual([id, id]);
    expect(hub.cases.get(id)).toMatchObject({
      reasons: ["uncertain", "operator"],
      selectionProbability: first?.selectionProbability,
      image: first?.image,
    });
    expect(await open.uplink.flag(id, "Bob", "")).toBe("told");
    await end(open);
    const again = await uplinkTo(hub, directory, { cases: NO_AUDIT });
    expect(await again.uplink.flag(id, "Cy", "")).toBe("told");
    const [next] = decideMany(again, 2, 2); // whatever were to be told goes before it
    await expect.poll(() => hub.arrivals, SOON).toEqual([id, id, next]);
    await expect.poll(() => again.uplink.status().sent, SOON).toBe(2);
    expect(hub.count("PUT", /images/)).toBe(2);
  });

  it("while the hub is away is told after a restart, and once", async () => {
    const hub = await FakeHub.start();
    const directory = temporaryDirectory();
    const { open, id } = await send(hub, directory);
    await hub.stop();
    expect(await open.uplink.flag(id, "Ann", "")).toBe("told");
    await end(open);
    await hub.listen();
    const again = await uplinkTo(hub, directory, { cases: NO_AUDIT });
    await expect.poll(() => hub.cases.get(id)?.reasons, SOON).toEqual(["uncertain", "operator"]);
    const [next] = decideMany(again, 2, 2);
    await expect.poll(() => hub.arrivals, SOON).toEqual([id, id, next]);
  });

  it("is told without its picture also while that is still in memory", async () => {
    const hub = await FakeHub.start();
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT });
    const [id = ""] = decideMany(open, 1, 1);
    await expect.poll(() => open.uplink.status().sent, SOON).toBe(1);
    expect(await open.uplink.flag(id, "Ann", "")).toBe("told");
    await expect.poll(() => hub.arrivals, SOON).toEqual([id, id]);
    expect([hub.count("HEAD", /images/), hub.count("PUT", /images/)]).toEqual([1, 1]);
  });

  it("and that the hub has deleted meanwhile is let go, and holds up no other", async () => {
    const hub = await FakeHub.start();
    const { open, id } = await send(hub, temporaryDirectory());
    hub.images.clear();
    await open.uplink.flag(id, "Ann", "");
    await expect.poll(() => hub.count("PUT", /cases/), SOON).toBe(2);
    const [next = ""] = decideMany(open, 2, 2);
    await expect.poll(() => hub.cases.has(next), SOON).toBe(true);
    expect(hub.arrivals).toEqual([id, next]);
    expect(open.uplink.status().problem).toBeNull();
  });

  it("and that the hub declines holds up no other", async () => {
    const hub = await FakeHub.start();
    const { open, id } = await send(hub, temporaryDirectory());
    hub.interfere = (method) => (method === "PUT" ? { status: 400 } : undefined);
    await open.uplink.flag(id, "Ann", "");
    await expect.poll(() => open.uplink.status().problem?.code, SOON).toBe("hub-declines");
    hub.interfere = () => undefined;
    expect(hub.arrivals).toEqual([id]);
    const [next = ""] = decideMany(open, 2, 2);
    await expect.poll(() => hub.cases.has(next), SOON).toBe(true);
    await expect.poll(() => open.uplink.status(), SOON).toMatchObject({ waiting: 0, sent: 2 });
  });
});

describe("frames that a model on trial judges differently", () => {
  it("become cases while their picture is kept, and only where such cases are wanted", async () => {
    const hub = await FakeHub.start();
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT });
    const verdict = sampleVerdict(open.bootSeq, 1);
    decide(open, verdict);
    open.uplink.disagreed(verdict.id, "reject");
    await expect
      .poll(() => hub.cases.get(verdict.id), SOON)
      .toMatchObject({ reasons: ["disagreement"], metadata: { candidateVerdict: "reject" } });
    open.uplink.disagreed(sampleVerdict(1, 9).id, "reject"); // gone: nothing happens
    expect(hub.cases.size).toBe(1);
  });
});

describe("reports", () => {
  it("reach the hub, the newest of each kind, also when it comes later", async () => {
    const hub = await FakeHub.start();
    let isAway = true;
    hub.interfere = () => (isAway ? { drop: true } : undefined);
    const { uplink } = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT });
    uplink.report("/api/v1/device/release", { at: 1 });
    uplink.report("/api/v1/device/release", { at: 2 });
    isAway = false;
    await expect.poll(() => hub.reports.get("/api/v1/device/release"), { timeout: 15_000 }).toEqual({ at: 2 });
    expect(hub.count("PUT", /device/)).toBe(1);
  });
});

describe("verdict rows", () => {
  it("move the journal's acknowledged mark, also past numbers that were never recorded", async () => {
    const hub = await FakeHub.start();
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT, sendsVerdicts: true });
    for (const seq of [1, 2, 3, 7, 8]) decide(open, sampleVerdict(open.bootSeq, seq));
    await expect.poll(() => open.journal.status(), SOON).toMatchObject({ verdicts: 5, unacknowledged: 0 });
    expect(hub.verdicts.size).toBe(5);
    decide(open, sampleVerdict(open.bootSeq, 9));
    await expect.poll(() => hub.verdicts.size, SOON).toBe(6);
    await expect.poll(() => open.journal.status().unacknowledged, SOON).toBe(0);
  });

  it("are not acknowledged by an answer that does not account for them", async () => {
    const hub = await FakeHub.start();
    hub.changeBatchReply = (reply) => ({ ...reply, stored: 0, known: 0 });
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT, sendsVerdicts: true });
    decide(open, sampleVerdict(open.bootSeq, 1));
    await expect.poll(() => open.uplink.status().problem?.code, SOON).toBe("hub-declines");
    expect(open.journal.status().unacknowledged).toBe(1);
    hub.changeBatchReply = (reply) => reply;
    await expect.poll(() => open.journal.status().unacknowledged, SOON).toBe(0);
  });

  it("that the hub refuses by name hold up no other", async () => {
    const hub = await FakeHub.start();
    hub.changeBatchReply = (reply) => ({ ...reply, stored: reply.stored - 1, refused: [{ id: "x", message: "no" }] });
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: NO_AUDIT, sendsVerdicts: true });
    decide(open, sampleVerdict(open.bootSeq, 1));
    await expect.poll(() => open.journal.status().unacknowledged, SOON).toBe(0);
  });

  it("go in halves where a batch is too large", async () => {
    const hub = await FakeHub.start();
    const directory = temporaryDirectory();
    const first = await uplinkTo(hub, directory, { cases: NO_AUDIT });
    for (let seq = 1; seq <= 40; seq++) decide(first, sampleVerdict(first.bootSeq, seq));
    await expect.poll(() => first.journal.status().verdicts, SOON).toBe(40);
    await first.uplink.stop();
    await first.journal.stop();
    let declined = 0;
    hub.interfere = (_method, path) => (path.endsWith("verdicts") && declined++ < 2 ? { status: 413 } : undefined);
    const open = await uplinkTo(hub, directory, { cases: NO_AUDIT, sendsVerdicts: true });
    await expect.poll(() => open.journal.status().unacknowledged, SOON).toBe(0);
    expect(hub.verdicts.size).toBe(40);
    expect(hub.count("POST", /verdicts/)).toBe(5); // two declined, then 10, 20 and 10
  });
});

describe("the hub's orders", () => {
  const rule = { id: "glare-1", title: "glare", rate: 1, wanted: 2, until: Date.now() + 3_600_000, where: {} };

  it("are obeyed until filled, also after a restart with the hub away", async () => {
    const hub = await FakeHub.start();
    hub.orders = { ...hub.orders, rules: [{ ...rule, where: { classes: ["crack"] } }] };
    const directory = temporaryDirectory();
    const first = await uplinkTo(hub, directory, { cases: NO_AUDIT });
    await expect.poll(() => first.uplink.choose(sampleVerdict(1, 1), []), SOON).not.toBeNull();
    decide(first, sampleVerdict(first.bootSeq, 1));
    await expect.poll(() => hub.cases.size, SOON).toBe(1);
    expect([...hub.cases.values()]).toMatchObject([{ reasons: ["operator"], metadata: { workOrder: "glare-1" } }]);
    await first.uplink.stop();
    await first.journal.stop();
    await hub.stop();

    const again = await uplinkTo(hub, directory, { cases: NO_AUDIT });
    await expect.poll(() => again.uplink.choose(sampleVerdict(1, 1), []), SOON).not.toBeNull();
    decide(again, sampleVerdict(again.bootSeq, 1));
    decide(again, sampleVerdict(again.bootSeq, 2));
    await waiting(again).toBe(2);
    expect(again.uplink.choose(sampleVerdict(1, 3), []), "as many as were wanted wait").toBeNull();
  });

  it("lower the day's budget", async () => {
    const hub = await FakeHub.start();
    hub.orders = { ...hub.orders, limits: { dailyCases: 1, dailyBytes: 1e9 } };
    const open = await uplinkTo(hub, temporaryDirectory(), { cases: { auditShare: 1 } });
    await expect.poll(() => hub.count("GET", /orders/), SOON).toBe(1);
    decideMany(open, 1, 3);
    await expect
      .poll(() => open.uplink.status(), SOON)
      .toMatchObject({ waiting: 2, hold: expect.stringContaining("day") });
  });
});

describe("enrolment", () => {
  it("keeps the credential for this user alone, and a running device takes it up", async () => {
    const hub = await FakeHub.start();
    hub.codes.set("one-time-code", "line-3");
    const directory = temporaryDirectory();
    const open = await uplinkTo(hub, directory, { cases: NO_AUDIT, enrolled: false });
    decideMany(open, 1, 1);
    await waiting(open).toBe(1);
    expect(open.uplink.status().problem?.code).toBe("hub-not-enrolled");
    const path = credentialPath(directory);
    await writeCredential(path, await enrol({ url: hub.url }, "one-time-code", "line-3", systemClock));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await readCredential(path)).toMatchObject({ device: "line-3", project: "tiles", hub: hub.url });
    await expect.poll(() => hub.cases.size, SOON).toBe(1);
    expect(open.uplink.status().problem).toBeNull();
    await expect(enrol({ url: hub.url }, "one-time-code", "line-3", systemClock)).rejects.toThrow(/serves once/);
  });

  it("refuses a code of another device, and says where nothing listens", async () => {
    const hub = await FakeHub.start();
    hub.codes.set("code-of-another", "line-4");
    await expect(enrol({ url: hub.url }, "code-of-another", "line-3", systemClock)).rejects.toThrow(
      'the code was made for the device "line-4"',
    );
    await hub.stop();
    await expect(enrol({ url: hub.url }, "any", "line-3", systemClock)).rejects.toThrow(/nothing listens there/);
  });

  it("that the hub has revoked is said, and everything is kept until a new one", async () => {
    const hub = await FakeHub.start();
    const directory = temporaryDirectory();
    const open = await uplinkTo(hub, directory, { cases: NO_AUDIT });
    const body = { error: { code: "DEVICE_REVOKED", message: "This device was revoked." } };
    hub.interfere = () => (hub.credential === "another" ? undefined : { status: 403, body });
    decideMany(open, 1, 1);
    await expect.poll(() => open.uplink.status().problem?.code, SOON).toBe("hub-refuses");
    expect(open.uplink.status()).toMatchObject({ waiting: 1, refused: 0 });
    hub.credential = "another";
    const known = await readCredential(join(directory, "hub-credential.json"));
    if (known === null) throw new Error("no credential");
    await writeCredential(credentialPath(directory), { ...known, credential: "another" });
    await expect.poll(() => hub.cases.size, SOON).toBe(1);
  });
});
