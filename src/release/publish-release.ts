import { Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp } from "@tufjs/models";
import { SightlineError } from "../contracts/errors.ts";
import {
  type Addressee,
  bundlePath,
  MANIFEST_FILE,
  orderPath,
  productRole,
  ReleaseOrder,
  type ReleaseStage,
} from "./documents.ts";
import { exclusively } from "./exclusively.ts";
import { isoAfterDays, readPending, roleText, upcomingRoot, SPEC_VERSION } from "./pending.ts";
import type { RepositoryFolder, RoleName } from "./repository-folder.ts";
import { addSignatures, missingSignatures } from "./signatures.ts";
import { readOrders, releasesOf } from "./read-targets.ts";
import type { SigningKey } from "./signing-keys.ts";
import { ISSUED_AT } from "./trusted-repository.ts";
import type { RepositoryName } from "./trust-store.ts";

/** What devices or lines shall run from now on. */
export interface NewOrders {
  readonly product: string;
  /** The newest release of the product where not given. */
  readonly version: string | undefined;
  readonly name: string | undefined;
  readonly to: readonly Addressee[];
  readonly stage: ReleaseStage;
}

export interface Publication {
  readonly folder: RepositoryFolder;
  /** Online keys: snapshot, timestamp, director. */
  readonly keys: readonly SigningKey[];
  /** Ms since 1970. */
  readonly now: number;
  readonly orders: NewOrders | null;
  /** Only what is online: what is staged stays so, whole or not. */
  readonly refreshOnly?: boolean;
  /** A person vouches for this machine's clock though the last publication is long ago. */
  readonly afterPause?: boolean;
}

export interface Published {
  readonly taken: readonly RoleName[];
  readonly orders: readonly { readonly path: string; readonly order: ReleaseOrder }[];
}

/**
 * Makes the signed state visible: staged roles, then snapshot, then timestamp, each catalogue before director, so that a
 * device sees the old state or the new one. Throws RELEASE_INCOMPLETE where a staged role lacks signatures; then nothing
 * is changed.
 */
export const publishReleases = (publication: Publication): Promise<Published> =>
  exclusively(publication.folder, () => publish(publication));

/**
 * Signs what is online anew where `isDue`, which is asked while nobody else changes the folder: of several processes that
 * find it due one signs. Returns whether it did.
 */
export const refreshReleases = (
  publication: Omit<Publication, "orders" | "refreshOnly">,
  isDue: () => Promise<boolean>,
): Promise<boolean> =>
  exclusively(publication.folder, async () => {
    if (!(await isDue())) return false;
    await publish({ ...publication, orders: null, refreshOnly: true });
    return true;
  });

async function publish(publication: Publication): Promise<Published> {
  const { folder, orders } = publication;
  await assertClock(publication);
  await assertOnlineKeys(publication);
  const taken = publication.refreshOnly === true ? [] : await takeStaged(folder);
  await publishState(publication, "catalogue", await catalogueRoles(folder));
  const targets = await nextDirectorTargets(publication);
  await signOnline(publication, { repository: "director", role: "targets" }, targets.metadata);
  await publishState(publication, "director", ["targets"]);
  return { taken, orders: orders === null ? [] : targets.added };
}

const LONG_PAUSE_DAYS = 60;
/** Clocks of a hub and of a person's machine differ by a little. */
const CLOCK_SLACK_MS = 5 * 60_000;

/**
 * Devices believe the time that is signed and never go behind it again, short of new keys. So a clock that stands before
 * the last publication, or far after it, is asked about first.
 */
async function assertClock({ folder, now, afterPause }: Publication): Promise<void> {
  const last = (await folder.timestamp("catalogue"))?.signed.unrecognizedFields[ISSUED_AT];
  if (typeof last !== "number") return;
  if (now < last - CLOCK_SLACK_MS) {
    throw new SightlineError(
      "RELEASE_INCOMPLETE",
      `the last publication was at ${new Date(last).toISOString()}, but this machine's clock says ` +
        `${new Date(now).toISOString()}; set the clock, nothing was published`,
    );
  }
  const days = Math.floor((now - last) / 86_400_000);
  if (days <= LONG_PAUSE_DAYS || afterPause === true) return;
  throw new SightlineError(
    "RELEASE_INCOMPLETE",
    `by this machine's clock the last publication was ${days} days ago; if the clock is right, publish with --after-pause`,
  );
}

const ONLINE = [
  ["catalogue", "snapshot"],
  ["catalogue", "timestamp"],
  ["director", "targets"],
  ["director", "snapshot"],
  ["director", "timestamp"],
] as const;

/** Before anything is written: the keys that the coming roots name are at hand. */
async function assertOnlineKeys({ folder, keys, refreshOnly }: Publication): Promise<void> {
  const mine = new Set(keys.map(({ key }) => key.keyID));
  for (const [repository, role] of ONLINE) {
    const root = refreshOnly === true ? await folder.root(repository) : await upcomingRoot(folder, repository);
    if (root === null) throw new SightlineError("USAGE", `${folder.path} has no root; run \`sightline release keys\``);
    if (root.signed.roles[role]?.keyIDs.some((id) => mine.has(id)) === true) continue;
    const key = repository === "director" ? "director" : role;
    throw new SightlineError(
      "RELEASE_INCOMPLETE",
      `the ${key} key of today is not among --keys; nothing was published`,
    );
  }
}

async function takeStaged(folder: RepositoryFolder): Promise<RoleName[]> {
  const pending = await readPending(folder);
  const short = pending.find(({ missing }) => missing > 0);
  if (short !== undefined) {
    throw new SightlineError(
      "RELEASE_INCOMPLETE",
      `${roleText(short.name)} has ${short.signed} signatures, ${short.missing} more needed: ` +
        "another key holder runs `sightline release sign --keys DIR`; nothing was published",
    );
  }
  for (const { name, metadata } of pending) await assertNext(folder, name, metadata.signed.version);
  for (const { name, metadata } of pending) {
    await folder.publish(name, metadata);
    await folder.unstage(name);
  }
  return pending.map(({ name }) => name);
}

/** What was signed elsewhere may have been overtaken meanwhile. */
async function assertNext(folder: RepositoryFolder, name: RoleName, version: number): Promise<void> {
  const current = name.role === "root" ? await folder.root(name.repository) : await folder.targets(name);
  const next = (current?.signed.version ?? 0) + 1;
  if (version === next) return;
  throw new SightlineError(
    "RELEASE_INCOMPLETE",
    `${roleText(name)} is staged as version ${version}, but ${next} is next: it was signed over an older state; ` +
      "remove it from staged/ and sign again",
  );
}

/** `targets` and every product that it delegates to. */
async function catalogueRoles(folder: RepositoryFolder): Promise<string[]> {
  const top = await folder.targets({ repository: "catalogue", role: "targets" });
  return ["targets", ...Object.keys(top?.signed.delegations?.roles ?? {})];
}

async function publishState(publication: Publication, repository: RepositoryName, roles: readonly string[]) {
  const { folder, now } = publication;
  const { days } = await folder.policy();
  const last = await folder.snapshot(repository);
  const meta: Record<string, MetaFile> = {};
  for (const role of roles) {
    const current = await folder.targets({ repository, role });
    if (current === null) throw new SightlineError("RELEASE_INCOMPLETE", `${repository} has no ${role}`);
    const described = await folder.describe({ repository, role }, current.signed.version);
    meta[`${role}.json`] = new MetaFile(described);
  }
  const snapshotDays = repository === "catalogue" ? days.snapshot : days.director;
  const snapshot = new Snapshot({
    specVersion: SPEC_VERSION,
    version: (last?.signed.version ?? 0) + 1,
    expires: isoAfterDays(now, snapshotDays),
    meta,
  });
  await signOnline(publication, { repository, role: "snapshot" }, new Metadata(snapshot));
  const before = await folder.timestamp(repository);
  const timestamp = new Timestamp({
    specVersion: SPEC_VERSION,
    version: (before?.signed.version ?? 0) + 1,
    expires: isoAfterDays(now, repository === "catalogue" ? days.timestamp : days.director),
    snapshotMeta: new MetaFile(await folder.describe({ repository, role: "snapshot" }, snapshot.version)),
    unrecognizedFields: { [ISSUED_AT]: Math.floor(now) },
  });
  await signOnline(publication, { repository, role: "timestamp" }, new Metadata(timestamp));
  for (const role of ["snapshot", ...roles]) await folder.removeOld({ repository, role });
}

async function signOnline(
  { folder, keys }: Publication,
  name: RoleName,
  metadata: Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>,
): Promise<void> {
  const root = await folder.root(name.repository);
  if (root !== null) addSignatures([root], name.role, metadata, keys);
  if (root === null || missingSignatures([root], name.role, metadata) > 0) {
    throw new SightlineError("RELEASE_INCOMPLETE", `${roleText(name)} cannot be signed with the keys at hand`);
  }
  await folder.publish(name, metadata);
}

async function nextDirectorTargets({ folder, now, orders }: Publication) {
  const last = await folder.targets({ repository: "director", role: "targets" });
  const { days } = await folder.policy();
  const next = new Targets({
    specVersion: SPEC_VERSION,
    version: (last?.signed.version ?? 0) + 1,
    expires: isoAfterDays(now, days.director),
    targets: { ...last?.signed.targets },
  });
  const added = orders === null ? [] : await newOrders(folder, orders, next, now);
  return { metadata: new Metadata(next), added };
}

async function newOrders(folder: RepositoryFolder, orders: NewOrders, next: Targets, now: number) {
  const { product, to, stage } = orders;
  const { note, manifest } = await orderedRelease(folder, orders);
  const newest = Math.max(0, ...readOrders(next).map(({ order }) => order.order));
  const order: ReleaseOrder = {
    schema: 1,
    target: `${bundlePath(product, note.name, note.version)}/${MANIFEST_FILE}`,
    stage,
    order: newest + 1,
    orderedAt: new Date(now).toISOString(),
  };
  return to.map((addressee) => {
    const path = orderPath(addressee, product);
    next.addTarget(
      new TargetFile({
        path,
        length: manifest.length,
        hashes: manifest.hashes,
        unrecognizedFields: { custom: { ...order } },
      }),
    );
    return { path, order };
  });
}

async function orderedRelease(folder: RepositoryFolder, { product, version, name }: NewOrders) {
  const role = await folder.targets({ repository: "catalogue", role: productRole(product) });
  if (role === null) throw new SightlineError("USAGE", `there is no published product ${product}`);
  const fitting = releasesOf(role.signed).filter(
    ({ note }) => (version === undefined || note.version === version) && (name === undefined || note.name === name),
  );
  const newest = fitting.at(-1);
  if (newest !== undefined) return newest;
  throw new SightlineError("USAGE", `${product} has no release ${[name, version].filter(Boolean).join(" ")}`.trim());
}
