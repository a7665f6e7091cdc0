import type { TargetFile } from "@tufjs/models";
import {
  EVERY_LINE,
  orderPath,
  productRole,
  readManifestPath,
  ReleaseNote,
  ReleaseOrder,
  type Addressee,
} from "./documents.ts";
import { type Floors, orderFloor, releaseFloor } from "./floors.ts";
import { ReleaseRefused } from "./refusal.ts";
import type { TrustedRepository } from "./trusted-repository.ts";

/** Who asks. */
export interface DeviceIdentity {
  readonly device: string;
  readonly line: string;
}

/** What both repositories agree on. */
export interface ChosenRelease {
  readonly order: ReleaseOrder;
  readonly note: ReleaseNote;
  readonly manifest: { readonly path: string; readonly sha256: string; readonly bytes: number };
}

interface FoundOrder {
  readonly path: string;
  readonly order: ReleaseOrder;
  readonly sha256: string;
  readonly bytes: number;
}

/** The newest order for this device or its line; null where there is none. */
export async function findOrder(
  director: TrustedRepository,
  identity: DeviceIdentity,
  product: string,
): Promise<FoundOrder | null> {
  const addressees: readonly Addressee[] = [
    { kind: "device", name: identity.device },
    { kind: "line", name: identity.line },
  ];
  let newest: FoundOrder | null = null;
  for (const addressee of addressees) {
    const path = orderPath(addressee, product);
    const target = await director.target(path);
    if (target === null) continue;
    const parsed = ReleaseOrder.safeParse(target.custom);
    if (!parsed.success) {
      throw new ReleaseRefused("ORDER_INVALID", `The director's ${path} is no order: ${issueOf(parsed.error)}.`);
    }
    if (newest === null || parsed.data.order > newest.order.order) {
      newest = { path, order: parsed.data, sha256: sha256Of(target), bytes: target.length };
    }
  }
  return newest;
}

/**
 * False where this very order was carried out already. Throws ORDER_REPLAYED where it is older than that, or where its number
 * was used before for something else.
 */
export function isNewOrder(
  { path, order, sha256 }: FoundOrder,
  floors: Floors,
  product: string,
  directorKeys: readonly string[],
): boolean {
  const last = floors.installed[product];
  if (order.order === last?.order && last.manifestSha256 === sha256 && last.stage === order.stage) return false;
  const floor = orderFloor(floors, product, directorKeys);
  if (order.order > floor) return true;
  throw new ReleaseRefused(
    "ORDER_REPLAYED",
    `The director's ${path} is order ${order.order}, but order ${floor} was carried out before: someone serves old orders again.`,
  );
}

/** What the catalogue's owners signed about what the director orders. Throws where they do not agree. */
export async function agreeOn(
  catalogue: TrustedRepository,
  found: FoundOrder,
  floors: Floors,
  { product, line }: { readonly product: string; readonly line: string },
): Promise<ChosenRelease> {
  const { order, path } = found;
  const named = readManifestPath(order.target);
  if (named === null) {
    throw new ReleaseRefused("ORDER_INVALID", `The director's ${path} names ${order.target}, which is no manifest.`);
  }
  if (named.product !== product) {
    throw new ReleaseRefused(
      "WRONG_PRODUCT",
      `The director's ${path} names ${order.target}: a release of ${named.product} is not for ${product}.`,
    );
  }
  const target = await catalogue.target(order.target);
  if (target === null) {
    throw new ReleaseRefused(
      "NOT_IN_CATALOGUE",
      `The director orders ${order.target}, which the keys of ${productRole(product)} never signed: suspect the hub's key.`,
    );
  }
  if (sha256Of(target) !== found.sha256 || target.length !== found.bytes) {
    throw new ReleaseRefused(
      "ORDER_DISAGREES",
      `The director orders ${order.target} with another content than the catalogue signed: suspect the hub's key.`,
    );
  }
  const note = readNote(order.target, target, named);
  if (!note.lines.includes(line) && !note.lines.includes(EVERY_LINE)) {
    throw new ReleaseRefused(
      "WRONG_LINE",
      `${order.target} is signed for ${note.lines.join(", ")}, not for ${line}, where this device stands.`,
    );
  }
  checkReleaseNumber(note, found.sha256, floors);
  return { order, note, manifest: { path: order.target, sha256: found.sha256, bytes: found.bytes } };
}

function readNote(path: string, target: TargetFile, named: { name: string; version: string }): ReleaseNote {
  const parsed = ReleaseNote.safeParse(target.custom);
  const fault = parsed.success ? null : issueOf(parsed.error);
  if (!parsed.success)
    throw new ReleaseRefused("RELEASE_INVALID", `What is signed about ${path} is no release: ${fault}.`);
  const { product, name, version } = parsed.data;
  if (`models/${product}/${name}/${version}` !== path.slice(0, path.lastIndexOf("/"))) {
    throw new ReleaseRefused(
      "RELEASE_INVALID",
      `What is signed about ${path} speaks of ${product}, ${name} ${version}, not of ${named.name} ${named.version}.`,
    );
  }
  return parsed.data;
}

function checkReleaseNumber(note: ReleaseNote, manifestSha256: string, floors: Floors): void {
  const floor = releaseFloor(floors, note.product);
  const what = `${note.name} ${note.version} is release ${note.release} of ${note.product}`;
  if (note.release < floor) {
    throw new ReleaseRefused(
      "RELEASE_ROLLED_BACK",
      `${what}, but this device has had release ${floor}; to go back on purpose, sign a rollback.`,
    );
  }
  if (note.release === floor && floors.installed[note.product]?.manifestSha256 !== manifestSha256) {
    throw new ReleaseRefused(
      "RELEASE_NUMBER_REUSED",
      `${what}, but this device has had another release with that number; each release needs its own.`,
    );
  }
}

/** Every target carries SHA-256; another hash alone is not trusted. */
export const sha256Of = (target: TargetFile): string => target.hashes["sha256"] ?? "";

const issueOf = (error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] }): string => {
  const issue = error.issues[0];
  return issue === undefined ? "unknown" : `${issue.path.map(String).join(".")} ${issue.message}`.trim();
};
