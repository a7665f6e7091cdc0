import { SightlineError } from "../contracts/errors.ts";
import type { AnyMetadata, RepositoryFolder, RoleName } from "./repository-folder.ts";
import { addSignatures, countSignatures, type Delegator, missingSignatures } from "./signatures.ts";
import type { SigningKey } from "./signing-keys.ts";

/** What waits for signatures, with what it has. */
export interface Pending {
  readonly name: RoleName;
  readonly metadata: AnyMetadata;
  readonly missing: number;
  /** `1 of 2` by each that delegates to it. */
  readonly signed: string;
}

/** The metadata a role was or will be made of: staged, else published. */
export async function upcomingRoot(folder: RepositoryFolder, repository: RoleName["repository"]) {
  return (await folder.stagedRoot(repository)) ?? (await folder.root(repository));
}

export async function upcomingTargets(folder: RepositoryFolder, name: RoleName) {
  return (await folder.stagedTargets(name)) ?? (await folder.targets(name));
}

/** Those whose word makes `name` valid: for a root the root before and itself, as devices check it (TUF 5.3.4, 5.3.5). */
export async function delegatorsOf(
  folder: RepositoryFolder,
  name: RoleName,
  metadata: AnyMetadata,
): Promise<Delegator[]> {
  const { repository, role } = name;
  if (role === "root") {
    const before = await folder.root(repository);
    const itself = metadata as Delegator;
    return before === null ? [itself] : [before, itself];
  }
  const top = ["targets", "snapshot", "timestamp"].includes(role);
  const delegator = top
    ? await upcomingRoot(folder, repository)
    : await upcomingTargets(folder, { repository, role: "targets" });
  if (delegator === null) throw new SightlineError("RELEASE_INCOMPLETE", `nothing delegates to ${role}`);
  return [delegator];
}

export async function readPending(folder: RepositoryFolder): Promise<Pending[]> {
  const pending: Pending[] = [];
  for (const name of await folder.staged()) {
    const metadata = name.role === "root" ? await folder.stagedRoot(name.repository) : await folder.stagedTargets(name);
    if (metadata === null) continue;
    const delegators = await delegatorsOf(folder, name, metadata);
    const counts = delegators.map((each) => countSignatures(each, name.role, metadata));
    pending.push({
      name,
      metadata,
      missing: missingSignatures(delegators, name.role, metadata),
      signed: counts.map(({ valid, needed }) => `${valid} of ${needed}`).join(", "),
    });
  }
  return pending;
}

/** Stages `metadata` with the signatures of those of `keys` that count for it. Returns the signers' names. */
export async function stageSigned(
  folder: RepositoryFolder,
  name: RoleName,
  metadata: AnyMetadata,
  keys: readonly SigningKey[],
): Promise<string[]> {
  const signers = addSignatures(await delegatorsOf(folder, name, metadata), name.role, metadata, keys);
  await folder.stage(name, metadata);
  return signers;
}

/** Adds the signatures of `keys` to everything that waits for them. */
export async function signPending(
  folder: RepositoryFolder,
  keys: readonly SigningKey[],
): Promise<{ readonly name: RoleName; readonly signers: readonly string[] }[]> {
  const done = [];
  for (const { name, metadata } of await readPending(folder)) {
    done.push({ name, signers: await stageSigned(folder, name, metadata, keys) });
  }
  return done;
}

export const roleText = ({ repository, role }: RoleName): string => `${repository}/${role}`;

export const isoAfterDays = (now: number, days: number): string =>
  new Date(now + days * 86_400_000).toISOString().replace(/\.\d{3}Z$/, "Z");

/** Of The Update Framework. */
export const SPEC_VERSION = "1.0.31";
