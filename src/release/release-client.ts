import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { agreeOn, type ChosenRelease, type DeviceIdentity, findOrder, isNewOrder } from "./choose-release.ts";
import { productRole } from "./documents.ts";
import { isDiskFault, storageRefusal } from "./explain-fault.ts";
import { type Floors, type InstalledRelease, timeFloor, withInstalled, withReceipts, withTime } from "./floors.ts";
import { installBundle, installedPath, readReceipts, receiptOf } from "./install-bundle.ts";
import { METADATA_LIMITS, MetadataFetcher } from "./metadata-fetcher.ts";
import { type RefusalCode, ReleaseRefused } from "./refusal.ts";
import { TRANSFER_LIMITS, TransferClient, type TransferLimits } from "./transfer.ts";
import { type BirthRoots, type RepositoryName, type TrustCopy, TrustStore } from "./trust-store.ts";
import { TrustedRepository } from "./trusted-repository.ts";

export interface ReleaseClientOptions extends DeviceIdentity {
  readonly clock: Clock;
  /** Folder of the two repositories, `http:`, `https:` or `file:`. */
  readonly url: string;
  /** Where trust, downloads and installed bundles are kept. */
  readonly directoryPath: string;
  readonly birthRoots: BirthRoots;
  readonly headers?: Readonly<Record<string, string>>;
  readonly transferLimits?: TransferLimits;
  readonly maxBundleBytes?: number;
  /** Of one file in one check, as long as each brings something. */
  readonly downloadTries?: number;
  /**
   * True while this device's clock follows a time server. Then what the repositories say about the time is not believed
   * where it lies more than an hour ahead: a hub whose clock ran wrong for a day must not freeze the fleet.
   */
  readonly clockSynced?: () => boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/** `clockBehindMs`: how far this device's clock lies before a time that is proven to have passed; 0 is in order. */
export type ReleaseResult = (
  | { readonly outcome: "installed"; readonly path: string; readonly release: InstalledRelease }
  | { readonly outcome: "nothing-new"; readonly sentence: string }
  | { readonly outcome: "refused"; readonly code: RefusalCode; readonly sentence: string }
) & { readonly clockBehindMs: number; readonly trustRecovered: boolean };

interface Condition {
  clockBehindMs: number;
  trustRecovered: boolean;
}

interface Repositories {
  readonly catalogue: TrustedRepository;
  readonly director: TrustedRepository;
}

interface Asked {
  readonly catalogue: TrustedRepository;
  readonly chosen: ChosenRelease;
  readonly floors: Floors;
  readonly directorKeys: readonly string[];
}

type Finding =
  | { readonly outcome: "installed"; readonly path: string; readonly release: InstalledRelease }
  | { readonly outcome: "nothing-new"; readonly sentence: string };

const GIB = 1024 ** 3;
const HOUR_MS = 3_600_000;
const TOP_ROLES = ["root", "timestamp", "snapshot", "targets"] as const;
/** The floor of time is written again only when it moved by this much: flash wears. */
const FLOOR_STEP_MS = 10 * 60_000;

/**
 * Asks the repositories what this device shall run and installs it, only where the director (online: what to run) and
 * the catalogue (signed offline: what exists) agree. It changes nothing on the line: activation takes the folder from
 * here. Checks run one after the other.
 */
export class ReleaseClient {
  readonly #options: ReleaseClientOptions;
  readonly #store: TrustStore;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ReleaseClientOptions) {
    this.#options = options;
    this.#store = new TrustStore(join(options.directoryPath, "trust"), options.birthRoots);
  }

  /** Throws only `signal.reason`, and programming faults; everything else is a result. */
  check(product: string, signal?: AbortSignal): Promise<ReleaseResult> {
    const next = this.#last.then(() => this.#check(product, signal));
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** What was last installed for `product`, and its folder; null where nothing was, or the folder is gone. */
  async installed(product: string): Promise<{ readonly path: string; readonly release: InstalledRelease } | null> {
    const release = (await this.#store.floors()).installed[product];
    if (release === undefined) return null;
    const path = this.#folderOf(release);
    return (await isThere(path)) ? { path, release } : null;
  }

  /** Removes bundles of `product` that are neither kept nor the newest, and downloads nobody goes on with. */
  async prune(product: string, keep: readonly string[]): Promise<void> {
    const newest = await this.installed(product);
    const folder = join(this.#bundlesPath, product);
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      if (path !== newest?.path && !keep.includes(path)) await rm(path, { recursive: true, force: true });
    }
    await rm(this.#partsPath, { recursive: true, force: true });
  }

  async #check(product: string, signal: AbortSignal | undefined): Promise<ReleaseResult> {
    const { clock, transferLimits = TRANSFER_LIMITS, headers } = this.#options;
    const transfers = new TransferClient(clock, transferLimits, headers);
    const so: Condition = { clockBehindMs: 0, trustRecovered: false };
    try {
      const finding = await this.#carryOut(product, transfers, so, signal);
      return { ...finding, ...so };
    } catch (error) {
      signal?.throwIfAborted();
      const refusal = isDiskFault(error) ? storageRefusal(error) : error;
      if (!(refusal instanceof ReleaseRefused)) throw error;
      return { outcome: "refused", code: refusal.code, sentence: refusal.sentence, ...so };
    } finally {
      transfers.close();
    }
  }

  async #carryOut(
    product: string,
    transfers: TransferClient,
    so: Condition,
    signal: AbortSignal | undefined,
  ): Promise<Finding> {
    const asked = await this.#ask(product, transfers, so, signal);
    if ("sentence" in asked) return { outcome: "nothing-new", ...asked };
    const path = await installBundle(asked.chosen, {
      catalogue: asked.catalogue,
      transfers,
      clock: this.#options.clock,
      targetsUrl: `${this.#url}/catalogue/targets`,
      bundlesPath: this.#bundlesPath,
      partsPath: this.#partsPath,
      maxBundleBytes: this.#options.maxBundleBytes ?? 4 * GIB,
      tries: this.#options.downloadTries ?? 5,
      onProgress: this.#options.onProgress ?? (() => undefined),
      signal,
    });
    const release = receiptOf(asked.chosen);
    const copy = await this.#store.copy();
    await this.#store.commit(copy, withInstalled(asked.floors, release, asked.directorKeys));
    return { outcome: "installed", path, release };
  }

  /** What both repositories say. All that was verified is kept before anything is downloaded, and if it is refused too. */
  async #ask(
    product: string,
    transfers: TransferClient,
    so: Condition,
    signal: AbortSignal | undefined,
  ): Promise<Asked | { readonly sentence: string }> {
    const copy = await this.#store.copy();
    so.trustRecovered = copy.recovered;
    const start = copy.recovered ? withReceipts(copy.floors, await readReceipts(this.#bundlesPath)) : copy.floors;
    const fetcher = new MetadataFetcher(transfers, METADATA_LIMITS, signal);
    const open = (name: RepositoryName): TrustedRepository =>
      new TrustedRepository(name, join(copy.path, name), `${this.#url}/${name}/metadata`, fetcher);
    const repositories: Repositories = { catalogue: open("catalogue"), director: open("director") };
    let floors = start;
    try {
      floors = await this.#refresh(repositories, start, so);
      const asked = await this.#choose(repositories, product, floors, so);
      await this.#keep(copy, start, floors);
      return asked;
    } catch (error) {
      // A copy that the disk did not take whole is never kept.
      const torn = isDiskFault(error) || (error instanceof ReleaseRefused && error.code === "STORAGE_FAILED");
      if (!torn) await this.#keep(copy, start, floors);
      throw error;
    }
  }

  async #choose(
    { catalogue, director }: Repositories,
    product: string,
    floors: Floors,
    so: Condition,
  ): Promise<Asked | { readonly sentence: string }> {
    const directorKeys = await director.keysOf("targets");
    const found = await findOrder(director, this.#options, product);
    if (found === null) return { sentence: `Nothing is ordered of ${product} for this device or its line.` };
    const last = floors.installed[product];
    if (
      !isNewOrder(found, floors, product, directorKeys) &&
      last !== undefined &&
      (await isThere(this.#folderOf(last)))
    ) {
      return {
        sentence: `${last.name} ${last.version}, release ${last.release} of ${product}, is the newest ordered.`,
      };
    }
    const chosen = await agreeOn(catalogue, found, floors, { product, line: this.#options.line });
    await assertLasts(catalogue, floors.time.at, [productRole(product)], so);
    return { catalogue, chosen, floors, directorKeys };
  }

  /**
   * Brings both repositories up to date, as of the clock or the floor of time, whichever is later. The floor rises only
   * to a time at which everything signed still held, so a clock that runs ahead cannot freeze the device for longer than
   * it does so. Where the keys behind the floor turn out replaced, the floor falls and the same is tried once more.
   */
  async #refresh({ catalogue, director }: Repositories, start: Floors, so: Condition): Promise<Floors> {
    const onlineKeys = async (): Promise<string[]> =>
      [...(await catalogue.keysOf("timestamp")), ...(await director.keysOf("timestamp"))].sort();
    const now = this.#options.clock.wallNow();
    const attempt = async (keys: readonly string[]): Promise<number> => {
      const at = Math.max(now, timeFloor(start, keys));
      so.clockBehindMs = at - now;
      await catalogue.refresh(at);
      await director.refresh(at);
      return at;
    };
    const before = await onlineKeys();
    let at = await attempt(before).catch(async (error: unknown) => {
      const after = await onlineKeys();
      const replaced = timeFloor(start, before) !== timeFloor(start, after);
      if (!(error instanceof ReleaseRefused && error.code === "METADATA_EXPIRED" && replaced)) throw error;
      return attempt(after);
    });
    const believable = this.#options.clockSynced?.() === true ? now + HOUR_MS : Infinity;
    const issued = [await catalogue.issuedAt(), await director.issuedAt()].filter((time) => time <= believable);
    at = Math.max(at, ...issued);
    so.clockBehindMs = at - now;
    for (const repository of [catalogue, director]) await assertLasts(repository, at, TOP_ROLES, so);
    return withTime(start, at, await onlineKeys());
  }

  async #keep(copy: TrustCopy, start: Floors, floors: Floors): Promise<void> {
    const moved = Math.abs(floors.time.at - start.time.at) >= FLOOR_STEP_MS || start !== copy.floors;
    if (moved || floors.time.keys.join() !== start.time.keys.join() || (await this.#store.isChanged(copy))) {
      await this.#store.commit(copy, floors);
    }
  }

  readonly #folderOf = (release: InstalledRelease): string => installedPath(this.#bundlesPath, release);

  get #url(): string {
    return this.#options.url.replace(/\/+$/, "");
  }

  get #bundlesPath(): string {
    return join(this.#options.directoryPath, "bundles");
  }

  get #partsPath(): string {
    return join(this.#options.directoryPath, "downloads");
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function assertLasts(
  repository: TrustedRepository,
  at: number,
  roles: readonly string[],
  { clockBehindMs }: Condition,
): Promise<void> {
  const expired = await repository.expiredAt(at, roles);
  if (expired === null) return;
  const clock = clockBehindMs > 0 ? ", though this device's clock says less: set it" : "";
  throw new ReleaseRefused(
    "METADATA_EXPIRED",
    `The ${repository.name}'s ${expired}.json has expired: it is ${new Date(at).toISOString()} or later${clock}. ` +
      "Publish again; inspection goes on with the model it has.",
  );
}
