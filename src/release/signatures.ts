import type { Key, Metadata, Root, Targets } from "@tufjs/models";
import type { AnyMetadata } from "./repository-folder.ts";
import type { SigningKey } from "./signing-keys.ts";

/** Who may sign a role, by the metadata that delegates to it. */
export type Delegator = Metadata<Root> | Metadata<Targets>;

interface Authority {
  readonly keys: readonly Key[];
  readonly threshold: number;
}

export function authorityOf(delegator: Delegator, role: string): Authority | null {
  const { signed } = delegator;
  const found = signed.type === "root" ? signed.roles[role] : signed.delegations?.roles?.[role];
  if (found === undefined) return null;
  const known: Readonly<Record<string, Key>> = (signed.type === "root" ? signed.keys : signed.delegations?.keys) ?? {};
  return {
    keys: found.keyIDs.flatMap((id) => known[id] ?? []),
    threshold: found.threshold,
  };
}

/** Valid signatures of keys that count, and how many are needed, by each of the delegators. */
export interface SignatureCount {
  readonly valid: number;
  readonly needed: number;
}

export function countSignatures(delegator: Delegator, role: string, metadata: AnyMetadata): SignatureCount {
  const authority = authorityOf(delegator, role);
  if (authority === null) return { valid: 0, needed: 1 };
  const valid = authority.keys.filter((key) => isSignedBy(metadata, key)).length;
  return { valid, needed: authority.threshold };
}

function isSignedBy(metadata: AnyMetadata, key: Key): boolean {
  try {
    key.verifySignature(metadata);
    return true;
  } catch {
    return false;
  }
}

/** Signatures that are still missing; a root needs those of its own keys and of the root before. */
export const missingSignatures = (delegators: readonly Delegator[], role: string, metadata: AnyMetadata): number =>
  Math.max(
    ...delegators.map((delegator) => {
      const { valid, needed } = countSignatures(delegator, role, metadata);
      return Math.max(0, needed - valid);
    }),
  );

/** Signs with each of `keys` that counts and has not signed; returns their names. */
export function addSignatures(
  delegators: readonly Delegator[],
  role: string,
  metadata: AnyMetadata,
  keys: readonly SigningKey[],
): string[] {
  const counted = new Set(delegators.flatMap((each) => authorityOf(each, role)?.keys.map(({ keyID }) => keyID) ?? []));
  const signers = keys.filter(({ key }) => counted.has(key.keyID) && !isSignedBy(metadata, key));
  for (const signer of signers) metadata.sign((bytes) => signer.sign(bytes));
  return signers.map(({ name }) => name);
}
