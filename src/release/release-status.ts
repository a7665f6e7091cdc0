import type { ReleaseNote, ReleaseOrder } from "./documents.ts";
import { delegatorsOf, type Pending, readPending } from "./pending.ts";
import { readOrders, releasesOf } from "./read-targets.ts";
import type { AnyMetadata, RepositoryFolder, RoleName } from "./repository-folder.ts";
import { countSignatures } from "./signatures.ts";
import { REPOSITORIES } from "./trust-store.ts";

export interface RoleStatus {
  readonly repository: RoleName["repository"];
  readonly role: string;
  readonly version: number;
  readonly expires: string;
  readonly daysLeft: number;
  /** Valid signatures by the keys of today. */
  readonly signatures: number;
  readonly threshold: number;
}

export interface ReleaseStatus {
  readonly roles: readonly RoleStatus[];
  readonly staged: readonly {
    readonly role: string;
    readonly version: number;
    readonly signed: string;
    readonly missing: number;
  }[];
  readonly releases: readonly ReleaseNote[];
  readonly orders: readonly (ReleaseOrder & { readonly to: string; readonly product: string })[];
}

/** What is published, what waits, what is ordered. `now` is ms since 1970. */
export async function readStatus(folder: RepositoryFolder, now: number): Promise<ReleaseStatus> {
  await folder.policy();
  const roles: RoleStatus[] = [];
  const releases: ReleaseNote[] = [];
  for (const repository of REPOSITORIES) {
    const add = async (role: string, metadata: AnyMetadata | null): Promise<void> => {
      if (metadata !== null) roles.push(await roleStatus(folder, { repository, role }, metadata, now));
    };
    const targets = await folder.targets({ repository, role: "targets" });
    await add("root", await folder.root(repository));
    await add("targets", targets);
    for (const role of Object.keys(targets?.signed.delegations?.roles ?? {})) {
      const product = await folder.targets({ repository, role });
      await add(role, product);
      if (product !== null) releases.push(...releasesOf(product.signed).map(({ note }) => note));
    }
    await add("snapshot", await folder.snapshot(repository));
    await add("timestamp", await folder.timestamp(repository));
  }
  const director = await folder.targets({ repository: "director", role: "targets" });
  const orders = director === null ? [] : readOrders(director.signed);
  return {
    roles,
    staged: (await readPending(folder)).map(stagedStatus),
    releases,
    orders: orders
      .map(({ to, product, order }) => ({ to: `${to.kind} ${to.name}`, product, ...order }))
      .sort((left, right) => right.order - left.order),
  };
}

async function roleStatus(
  folder: RepositoryFolder,
  name: RoleName,
  metadata: AnyMetadata,
  now: number,
): Promise<RoleStatus> {
  const [delegator] =
    name.role === "root" ? [await folder.root(name.repository)] : await delegatorsOf(folder, name, metadata);
  const count = delegator == null ? { valid: 0, needed: 1 } : countSignatures(delegator, name.role, metadata);
  return {
    ...name,
    version: metadata.signed.version,
    expires: metadata.signed.expires,
    daysLeft: Math.round(((Date.parse(metadata.signed.expires) - now) / 86_400_000) * 10) / 10,
    signatures: count.valid,
    threshold: count.needed,
  };
}

const stagedStatus = ({ name, metadata, missing, signed }: Pending) => ({
  role: `${name.repository}/${name.role}`,
  version: metadata.signed.version,
  signed,
  missing,
});
