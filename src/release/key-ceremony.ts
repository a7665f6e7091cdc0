import { type Key, Metadata, Root, Targets } from "@tufjs/models";
import { SightlineError } from "../contracts/errors.ts";
import { ProductName, productPaths, productRole } from "./documents.ts";
import { isoAfterDays, stageSigned, upcomingRoot, upcomingTargets, SPEC_VERSION } from "./pending.ts";
import type { ReleasePolicy, RepositoryFolder, RoleName } from "./repository-folder.ts";
import { makeKey, readKeys, retireKey, type SigningKey } from "./signing-keys.ts";
import type { RepositoryName } from "./trust-store.ts";

export interface Ceremony {
  readonly folder: RepositoryFolder;
  readonly keysPath: string;
  readonly passphrase: string | null;
  /** Ms since 1970. */
  readonly now: number;
}

const CATALOGUE_ONLINE = ["snapshot", "timestamp"] as const;
const DIRECTOR_ONLINE = ["targets", "snapshot", "timestamp"] as const;

/** First keys, both first roots (in force at once), and the catalogue's delegations, staged for the first publication. */
export async function createReleases(
  { folder, keysPath, passphrase, now }: Ceremony,
  policy: ReleasePolicy,
  products: readonly string[],
): Promise<SigningKey[]> {
  if ((await folder.root("catalogue")) !== null) {
    throw new SightlineError("USAGE", `${folder.path} has its keys already; use --rotate, --renew or --product`);
  }
  const make = (name: string, count: number): Promise<SigningKey[]> => makeKeys(keysPath, name, count, passphrase);
  const root = await make("root", policy.signers.root.keys);
  const targets = await make("targets", policy.signers.targets.keys);
  const [snapshot, timestamp] = [await make("snapshot", 1), await make("timestamp", 1)];
  const director = await make("director", 1);
  await folder.writePolicy(policy);
  const roots: { readonly [R in RepositoryName]: RoleKeys } = {
    catalogue: {
      root: [root, policy.signers.root.threshold],
      targets: [targets, policy.signers.targets.threshold],
      snapshot: [snapshot, 1],
      timestamp: [timestamp, 1],
    },
    director: {
      root: [root, policy.signers.root.threshold],
      targets: [director, 1],
      snapshot: [director, 1],
      timestamp: [director, 1],
    },
  };
  for (const repository of ["catalogue", "director"] as const) {
    const signed = new Root({
      specVersion: SPEC_VERSION,
      version: 1,
      expires: isoAfterDays(now, policy.days.root),
      consistentSnapshot: true,
    });
    for (const [role, [keys, threshold]] of Object.entries(roots[repository])) giveKeys(signed, role, keys, threshold);
    const metadata = new Metadata(signed);
    for (const key of root) metadata.sign((bytes) => key.sign(bytes));
    await folder.publish({ repository, role: "root" }, metadata);
  }
  const top = new Metadata(
    new Targets({ specVersion: SPEC_VERSION, version: 1, expires: isoAfterDays(now, policy.days.targets) }),
  );
  await stageSigned(folder, { repository: "catalogue", role: "targets" }, top, targets);
  const made = [...root, ...targets, ...snapshot, ...timestamp, ...director];
  for (const product of products) {
    made.push(...(await addProduct({ folder, keysPath, passphrase, now }, product)));
  }
  return made;
}

type RoleKeys = { readonly [role: string]: readonly [keys: readonly SigningKey[], threshold: number] };

/** A delegation of `models/PRODUCT/` to keys of its own. Needs the targets keys. */
export async function addProduct(ceremony: Ceremony, product: string): Promise<SigningKey[]> {
  const { folder, keysPath, passphrase, now } = ceremony;
  const name = ProductName.safeParse(product);
  if (!name.success) throw new SightlineError("USAGE", `product "${product}": ${name.error.issues[0]?.message}`);
  const policy = await folder.policy();
  const role = productRole(product);
  if ((await upcomingTargets(folder, { repository: "catalogue", role })) !== null) {
    throw new SightlineError("USAGE", `product ${product} has its keys already; use --rotate ${role}`);
  }
  const keys = await makeKeys(keysPath, role, policy.signers.product.keys, passphrase);
  await delegate(ceremony, role, product, keys, policy);
  const empty = new Metadata(
    new Targets({ specVersion: SPEC_VERSION, version: 1, expires: isoAfterDays(now, policy.days.product) }),
  );
  await stageSigned(folder, { repository: "catalogue", role }, empty, keys);
  return keys;
}

/**
 * New keys for a role, staged: for `root` a root version signed by old and new keys in both repositories; for `targets`,
 * `snapshot`, `timestamp` a root version and, for targets, what it signs anew; for `director` a root of the director; for
 * a product its delegation and what it signs anew. Old key files move to `retired/`.
 */
export async function rotateKeys(ceremony: Ceremony, role: string): Promise<SigningKey[]> {
  const { folder, keysPath, passphrase } = ceremony;
  const policy = await folder.policy();
  const old = await readKeys(keysPath, passphrase);
  const count = await numberOfKeys(folder, policy, role);
  // Out of the way first: the new ones take their names.
  for (const key of old.filter(({ name }) => isOf(name, role))) await retireKey(keysPath, key);
  const fresh = await makeKeys(keysPath, role, count, passphrase);
  const signers = [...old, ...fresh];
  const catalogue = (name: string): RoleName => ({ repository: "catalogue", role: name });
  if (role === "root") {
    for (const repository of ["catalogue", "director"] as const) {
      await stageRoot(ceremony, repository, { root: fresh }, signers);
    }
  } else if (role === "director") {
    await stageRoot(ceremony, "director", Object.fromEntries(DIRECTOR_ONLINE.map((name) => [name, fresh])), signers);
  } else if (role === "targets" || CATALOGUE_ONLINE.some((name) => name === role)) {
    await stageRoot(ceremony, "catalogue", { [role]: fresh }, signers);
    if (role === "targets") await resign(ceremony, catalogue("targets"), policy.days.targets, signers);
  } else {
    await delegate(ceremony, role, role.slice("product-".length), fresh, policy);
    await resign(ceremony, catalogue(role), policy.days.product, signers);
  }
  return fresh;
}

/** The same content with a later expiry and the next version, staged. Online roles are renewed by every publication. */
export async function renewRole(ceremony: Ceremony, role: string): Promise<void> {
  const { folder, keysPath, passphrase } = ceremony;
  const policy = await folder.policy();
  const keys = await readKeys(keysPath, passphrase);
  if (role === "root") {
    for (const repository of ["catalogue", "director"] as const) await stageRoot(ceremony, repository, {}, keys);
    return;
  }
  const days = role === "targets" ? policy.days.targets : policy.days.product;
  await resign(ceremony, { repository: "catalogue", role }, days, keys);
}

async function numberOfKeys(folder: RepositoryFolder, policy: ReleasePolicy, role: string): Promise<number> {
  if (role === "root") return policy.signers.root.keys;
  if (role === "targets") return policy.signers.targets.keys;
  if (role === "director" || CATALOGUE_ONLINE.some((name) => name === role)) return 1;
  const product = /^product-(.+)$/.exec(role);
  if (product !== null && (await upcomingTargets(folder, { repository: "catalogue", role })) !== null) {
    return policy.signers.product.keys;
  }
  throw new SightlineError(
    "USAGE",
    `there is no role ${role}; roles are root, targets, snapshot, timestamp, director and product-NAME`,
  );
}

/** `root-1` is of `root`; `product-a-1` is of `product-a` and not of `product-a-1`'s namesake `product`. */
const isOf = (keyName: string, role: string): boolean =>
  keyName.startsWith(`${role}-`) && /^\d+$/.test(keyName.slice(role.length + 1));

async function makeKeys(folder: string, name: string, count: number, passphrase: string | null): Promise<SigningKey[]> {
  const keys: SigningKey[] = [];
  for (let at = 1; at <= count; at++) keys.push(await makeKey(folder, `${name}-${at}`, passphrase));
  return keys;
}

function giveKeys(root: Root, role: string, keys: readonly SigningKey[], threshold: number): void {
  const entry = root.roles[role];
  if (entry === undefined) throw new SightlineError("USAGE", `a root has no role ${role}`);
  entry.keyIDs.length = 0;
  Reflect.set(entry, "threshold", threshold);
  for (const { key } of keys) root.addKey(key, role);
}

/** The next root version; one that is staged and not yet published is amended, its signatures begin anew. */
async function stageRoot(
  { folder, now }: Ceremony,
  repository: RepositoryName,
  changes: { readonly [role: string]: readonly SigningKey[] },
  signers: readonly SigningKey[],
): Promise<void> {
  const [current, published] = [await upcomingRoot(folder, repository), await folder.root(repository)];
  if (current === null || published === null) {
    throw new SightlineError(
      "USAGE",
      `${folder.path} has no ${repository} yet; make it with \`sightline release keys\``,
    );
  }
  const { days } = await folder.policy();
  const next = new Root({
    specVersion: SPEC_VERSION,
    version: published.signed.version + 1,
    expires: isoAfterDays(now, days.root),
    keys: { ...current.signed.keys },
    roles: current.signed.roles,
    consistentSnapshot: true,
  });
  for (const [role, keys] of Object.entries(changes)) {
    giveKeys(next, role, keys, current.signed.roles[role]?.threshold ?? 1);
  }
  const used = new Set(Object.values(next.roles).flatMap(({ keyIDs }) => keyIDs));
  for (const id of Object.keys(next.keys)) if (!used.has(id)) delete next.keys[id];
  await stageSigned(folder, { repository, role: "root" }, new Metadata(next), signers);
}

async function delegate(
  { folder, keysPath, passphrase, now }: Ceremony,
  role: string,
  product: string,
  keys: readonly SigningKey[],
  policy: ReleasePolicy,
): Promise<void> {
  const name: RoleName = { repository: "catalogue", role: "targets" };
  const [current, published] = [await upcomingTargets(folder, name), await folder.targets(name)];
  if (current === null) throw new SightlineError("USAGE", `${folder.path} has no targets to delegate from`);
  const json = current.signed.toJSON() as { delegations?: { keys: Record<string, object>; roles: { name: string }[] } };
  const others = (json.delegations?.roles ?? []).filter((each) => each.name !== role);
  const delegation = {
    name: role,
    keyids: keys.map(({ key }) => key.keyID),
    threshold: policy.signers.product.threshold,
    terminating: true,
    paths: productPaths(product),
  };
  const roles = [...others, delegation];
  const known: Record<string, object> = {
    ...json.delegations?.keys,
    ...Object.fromEntries(keys.map(({ key }) => [key.keyID, key.toJSON()])),
  };
  const used = new Set(roles.flatMap((each) => (each as { keyids?: string[] }).keyids ?? []));
  const delegations = { keys: Object.fromEntries(Object.entries(known).filter(([id]) => used.has(id))), roles };
  const signed = Targets.fromJSON({
    ...json,
    version: (published?.signed.version ?? 0) + 1,
    expires: isoAfterDays(now, policy.days.targets),
    delegations,
  } as Parameters<typeof Targets.fromJSON>[0]);
  await stageSigned(folder, name, new Metadata(signed), await readKeys(keysPath, passphrase));
}

async function resign(
  { folder, now }: Ceremony,
  name: RoleName,
  days: number,
  signers: readonly SigningKey[],
): Promise<void> {
  const [current, published] = [await upcomingTargets(folder, name), await folder.targets(name)];
  if (current === null) throw new SightlineError("USAGE", `there is no role ${name.role} in ${folder.path}`);
  const signed = Targets.fromJSON({
    ...current.signed.toJSON(),
    version: (published?.signed.version ?? 0) + 1,
    expires: isoAfterDays(now, days),
  });
  await stageSigned(folder, name, new Metadata(signed), signers);
}

/** Public keys of the role by the newest root or delegation: for people who compare fingerprints. */
export const fingerprintOf = (key: Key): string => key.keyID.slice(0, 16);
