import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { type Addressee, EVERY_LINE, type ReleaseStage } from "../../release/documents.ts";
import type { Clock } from "../../platform/clock.ts";
import { MANIFEST_FILE, placeModel } from "../models/model-store.ts";
import { activeModel, modelById, type ModelVersion, setActiveModel } from "../models/model-versions.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { type FleetDevice, fleetOf } from "./device-reports.ts";
import type { Gate } from "./gates.ts";
import type { ReleaseDesk } from "./release-desk.ts";
import { addRelease, changeRelease, listReleases, type Release, releaseById } from "./releases.ts";
import { type RolloutCriteria, rolloutStep } from "./rollout-step.ts";

export interface RolloutParts {
  readonly database: Database;
  readonly models: Pick<ObjectStore, "get">;
  readonly desk: ReleaseDesk;
  readonly clock: Clock;
}

export interface ReleaseWish {
  readonly model: ModelVersion;
  readonly lines: readonly string[];
  readonly canaries: readonly string[];
  readonly criteria: RolloutCriteria;
  readonly gates: readonly Gate[];
  readonly overrideReason: string | null;
  readonly reason: string;
  readonly automatic: boolean;
  readonly by: string;
}

const NEXT: { readonly [S in ReleaseStage]: ReleaseStage | null } = { shadow: "canary", canary: "fleet", fleet: null };
const HUB = "hub";
const WAITS = "In the catalogue without signatures: holders of the product's keys run `sightline release sign`.";

/** Puts a candidate into the catalogue for people to sign. Returns the release's id. */
export async function handOver(parts: RolloutParts, wish: ReleaseWish): Promise<string> {
  const { database, desk, clock } = parts;
  const { model, lines, reason } = wish;
  const open = await listReleases(database, {
    project: model.project,
    states: ["signing", "rolling", "held"],
    limit: 1,
  });
  if (open[0] !== undefined) {
    const what = "another release of this project is on its way; finish, or withdraw it first";
    throw new SightlineError("RELEASE_INCOMPLETE", what);
  }
  const folder = await mkdtemp(join(tmpdir(), "sightline-candidate-"));
  let number = 0;
  try {
    const files = new Set([MANIFEST_FILE, ...Object.keys(model.manifest.files)]);
    await placeModel(parts, model.id, folder, (name) => files.has(name));
    number = await desk.nextNumber(model.project);
    await desk.handOver(folder, { product: model.project, lines, reason });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const { canaries, criteria, gates, overrideReason, automatic, by } = wish;
  const row = { project: model.project, product: model.project, modelId: model.id, number, backFrom: null };
  return addRelease(
    database,
    { ...row, lines, canaries, criteria, gates, overrideReason, reason, automatic, sentence: WAITS, createdBy: by },
    clock.wallNow(),
  );
}

/** Orders a stage. Throws RELEASE_INCOMPLETE where it is not signed. */
export async function orderStage(
  { database, desk, clock }: RolloutParts,
  release: Release,
  stage: ReleaseStage,
  by: string,
): Promise<void> {
  const model = await requireModel(database, release);
  const named = { product: release.product, name: model.name, version: model.version };
  const to = await addresseesOf(database, release, stage);
  await desk.publish({ ...named, stage, to });
  const at = clock.wallNow();
  const whom = to.map(({ kind, name }) => `${kind} ${name}`).join(", ");
  await changeRelease(
    database,
    release,
    { state: "rolling", stage, sentence: `Ordered as ${stage} for ${whom}.` },
    { by, at },
  );
  if (stage === "fleet")
    await setActiveModel(database.query, { project: release.project, modelId: release.modelId }, { by, at });
}

async function addresseesOf(database: Database, release: Release, stage: ReleaseStage): Promise<Addressee[]> {
  const devices = devicesOf(release, stage, await fleetOf(database, release.project));
  if (stage === "canary") return devices.map(({ id }) => ({ kind: "device", name: id }));
  const lines = release.lines.includes(EVERY_LINE) ? devices.map(({ line }) => line) : release.lines;
  const names = [...new Set(lines)].filter((line) => line !== "");
  // A device without a line is ordered by its name. So is a canary: of its two orders the newest counts.
  const alone = devices.filter(({ id, line }) => line === "" || release.canaries.includes(id));
  return [
    ...names.map((name): Addressee => ({ kind: "line", name })),
    ...alone.map(({ id }): Addressee => ({ kind: "device", name: id })),
  ];
}

const isOnLines = ({ lines }: Release, { line }: FleetDevice): boolean =>
  lines.includes(EVERY_LINE) || lines.includes(line);

/** The devices a stage reaches. */
function devicesOf(release: Release, stage: ReleaseStage, fleet: readonly FleetDevice[]): FleetDevice[] {
  const own = fleet.filter((device) => isOnLines(release, device));
  return stage === "canary" ? own.filter(({ id }) => release.canaries.includes(id)) : own;
}

/** Looks at one release and does what is due. A fault is a sentence on it, not the end of the keeper. */
export async function advance(parts: RolloutParts, release: Release): Promise<void> {
  const { database, clock } = parts;
  const act = { by: HUB, at: clock.wallNow() };
  try {
    if (release.state === "signing") await lookAtSignatures(parts, release);
    else if (release.state === "rolling") await lookAtDevices(parts, release);
  } catch (error) {
    await changeRelease(database, release, { sentence: messageOf(error) }, act);
  }
}

async function lookAtSignatures(parts: RolloutParts, release: Release): Promise<void> {
  const { database, desk, clock } = parts;
  const model = await requireModel(database, release);
  const named = { product: release.product, name: model.name, version: model.version };
  const signing = await desk.signing(named, release.number);
  const act = { by: HUB, at: clock.wallNow() };
  if (signing.state === "waiting") {
    const sentence = `${signing.signed} signatures, ${signing.missing} missing: another holder runs \`sightline release sign\`.`;
    if (sentence !== release.sentence) await changeRelease(database, release, { sentence }, act);
    return;
  }
  if (signing.state === "absent") {
    const sentence = "It is no longer in the catalogue: somebody removed it from staged/.";
    return changeRelease(database, release, { state: "withdrawn", sentence }, act);
  }
  if (signing.state === "complete") await desk.publish(null);
  await changeRelease(
    database,
    release,
    { state: "ready", sentence: "Signed and published; nothing is ordered yet." },
    act,
  );
  if (!release.automatic) return;
  const first = release.backFrom !== null ? "fleet" : "shadow";
  await orderStage(parts, release, first, HUB);
  if (release.backFrom !== null) await closeTakenBack(parts, release.backFrom);
}

async function lookAtDevices(parts: RolloutParts, release: Release): Promise<void> {
  const { database, clock } = parts;
  if (release.stage === null || release.stageSince === null) return;
  const model = await requireModel(database, release);
  const since = release.stageSince;
  const devices = devicesOf(release, release.stage, await fleetOf(database, release.project)).map((device) => {
    const alarm = device.alarms.find(({ at, seenAt }) => seenAt === null && Date.parse(at) >= since);
    return { id: device.id, report: device.report, alarm: alarm?.sentence ?? null };
  });
  const { stage, criteria } = release;
  const minutes = (clock.wallNow() - since) / 60_000;
  const { name, version, modelSha256: sha256 } = model;
  const step = rolloutStep({ stage, minutes, since, model: { name, version, sha256 }, devices, criteria });
  const act = { by: HUB, at: clock.wallNow() };
  const { sentence } = step;
  if (step.action === "hold") return changeRelease(database, release, { state: "held", sentence }, act);
  if (step.action === "finish") return changeRelease(database, release, { state: "done", sentence }, act);
  const next = NEXT[stage];
  if (step.action === "promote" && release.automatic && next !== null) return orderStage(parts, release, next, HUB);
  const shown = step.action === "promote" ? `${sentence} Ready for ${next ?? "the fleet"}.` : sentence;
  if (shown !== release.sentence) await changeRelease(database, release, { sentence: shown }, act);
}

/**
 * Takes a release back: the model that ran before it becomes the next release of the old files, which people sign like any
 * other. Devices that tried the new one have rolled back by themselves before. Returns the id of that release; null where
 * nothing was ordered yet, so that there is nothing to take back.
 */
export async function takeBack(
  parts: RolloutParts,
  release: Release,
  { reason, by, toModel }: { readonly reason: string; readonly by: string; readonly toModel: string | null },
): Promise<string | null> {
  const { database, desk, clock } = parts;
  const at = clock.wallNow();
  const sentence = `Taken back: ${reason}`;
  if (release.stage === null || (release.stage === "shadow" && release.state !== "done")) {
    if (release.state === "signing") await desk.unstage(release.product);
    await changeRelease(database, release, { state: "withdrawn", sentence }, { by, at });
    return null;
  }
  const target = await modelToGoBackTo(database, release, toModel);
  const named = { product: release.product, name: target.name, version: target.version };
  if ((await desk.signing(named)).state !== "published") {
    const what = `${target.name} ${target.version} was never released, so that devices cannot be ordered back to it`;
    throw new SightlineError("RELEASE_INCOMPLETE", what);
  }
  const number = await desk.nextNumber(release.product);
  await desk.handBack(named, reason);
  const { project, product, lines, canaries, criteria } = release;
  const id = await addRelease(
    database,
    {
      ...{ project, product, modelId: target.id, number, backFrom: release.id, lines, canaries, criteria, gates: [] },
      ...{ overrideReason: null, reason, sentence: WAITS, automatic: true, createdBy: by },
    },
    at,
  );
  await changeRelease(database, release, { state: "held", sentence: `${sentence} Waits for signatures.` }, { by, at });
  return id;
}

async function modelToGoBackTo(database: Database, release: Release, asked: string | null): Promise<ModelVersion> {
  const before = (await listReleases(database, { project: release.project, states: ["done"], limit: 50 })).find(
    ({ createdAt, modelId }) => createdAt < release.createdAt && modelId !== release.modelId,
  );
  const active = await activeModel(database, release.project);
  const id = asked ?? before?.modelId ?? (active?.id === release.modelId ? undefined : active?.id);
  const model = id === undefined ? null : await modelById(database, id);
  if (model !== null) return model;
  throw new SightlineError(
    "RELEASE_INCOMPLETE",
    "there is no earlier release of this project to go back to; name a model",
  );
}

async function closeTakenBack({ database, clock }: RolloutParts, id: string): Promise<void> {
  const release = await releaseById(database, id);
  if (release === null) return;
  const act = { by: HUB, at: clock.wallNow() };
  await changeRelease(
    database,
    release,
    { state: "withdrawn", sentence: "Taken back; the earlier model is ordered." },
    act,
  );
}

async function requireModel(database: Database, { modelId }: Release): Promise<ModelVersion> {
  const model = await modelById(database, modelId);
  if (model === null) throw new SightlineError("UNKNOWN_MODEL", `the hub has no model version ${modelId}`);
  return model;
}
