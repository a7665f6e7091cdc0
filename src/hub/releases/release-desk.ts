import { SightlineError } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Addressee, productRole, type ReleaseStage } from "../../release/documents.ts";
import { exclusively } from "../../release/exclusively.ts";
import { type Pending, readPending } from "../../release/pending.ts";
import { publishReleases, refreshReleases } from "../../release/publish-release.ts";
import { readStatus, type ReleaseStatus } from "../../release/release-status.ts";
import { RepositoryFolder } from "../../release/repository-folder.ts";
import { releasesOf } from "../../release/read-targets.ts";
import { signBundle, signRollback } from "../../release/sign-release.ts";
import { readKeys } from "../../release/signing-keys.ts";

/** The only keys a hub may hold: with these it orders and refreshes, but can put nothing into the catalogue. */
const ONLINE_KEYS = ["director", "snapshot", "timestamp"];
/** Signed anew when less than this share of its life is left. */
const REFRESH_BELOW = 0.5;
const DAY_MS = 86_400_000;

export interface ReleaseDeskSettings {
  readonly directory: string;
  readonly keys: string;
  readonly passphrase: string | null;
}

export interface CatalogueRelease {
  readonly product: string;
  readonly name: string;
  readonly version: string;
}

export type Signing =
  | { readonly state: "published" }
  | { readonly state: "complete" }
  | { readonly state: "waiting"; readonly signed: string; readonly missing: number }
  | { readonly state: "absent" };

/**
 * The hub's hand in the release repository: it stages candidates without a signature, orders what people have signed, and keeps
 * the online signatures fresh. One change at a time.
 */
export class ReleaseDesk {
  readonly folder: RepositoryFolder;
  readonly #settings: ReleaseDeskSettings;
  readonly #clock: Clock;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(settings: ReleaseDeskSettings, clock: Clock) {
    this.folder = new RepositoryFolder(settings.directory);
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Throws CONFIG_INVALID where the folder is no repository, or keys lie here that belong to people. */
  async check(): Promise<void> {
    await this.folder.policy().catch((error: unknown) => {
      const detail = `releases.directory ${this.#settings.directory} holds no releases; make them with \`sightline release keys\``;
      throw new SightlineError("CONFIG_INVALID", detail, { cause: error });
    });
    const names = (await this.#keys()).map(({ name }) => name);
    const roleOf = (name: string): string => name.replace(/-\d+$/, "");
    const others = names.filter((name) => !ONLINE_KEYS.includes(roleOf(name)));
    const missing = ONLINE_KEYS.filter((role) => !names.some((name) => roleOf(name) === role));
    if (others.length > 0) {
      const detail = `releases.keys ${this.#settings.keys} holds ${others.join(", ")}: carry these away, the hub must not have them`;
      throw new SightlineError("CONFIG_INVALID", detail);
    }
    if (missing.length > 0) {
      const detail = `releases.keys ${this.#settings.keys} lacks the key ${missing.join(", ")}`;
      throw new SightlineError("CONFIG_INVALID", detail);
    }
  }

  /** Puts a bundle's files into the catalogue and its release into `staged/`, without a signature: people sign it there. */
  async handOver(
    bundle: string,
    terms: { readonly product: string; readonly lines: readonly string[]; readonly reason: string },
  ): Promise<void> {
    await this.#alone(() =>
      signBundle(bundle, { ...terms, folder: this.folder, keys: [], now: this.#clock.wallNow() }),
    );
  }

  /** Stages going back to an earlier version: a release like any other, so that people sign it, too. */
  async handBack(to: CatalogueRelease, reason: string): Promise<void> {
    const { product, name, version } = to;
    const terms = { folder: this.folder, product, lines: [], reason, keys: [], now: this.#clock.wallNow() };
    await this.#alone(() => signRollback({ name, version }, terms));
  }

  /** Nobody shall sign what waits for a product any more. A product that was never published keeps its first, empty role. */
  async unstage(product: string): Promise<void> {
    const role = { repository: "catalogue" as const, role: productRole(product) };
    await this.#alone(() =>
      exclusively(this.folder, async () => {
        if ((await this.folder.targets(role)) !== null) await this.folder.unstage(role);
      }),
    );
  }

  /** `number`: the release number it must have at least, where the same version was released before. */
  async signing({ product, name, version }: CatalogueRelease, number = 0): Promise<Signing> {
    const role = { repository: "catalogue" as const, role: productRole(product) };
    const isIt = ({ note }: ReturnType<typeof releasesOf>[number]): boolean =>
      note.name === name && note.version === version && note.release >= number;
    const published = await this.folder.targets(role);
    if (published !== null && releasesOf(published.signed).some(isIt)) return { state: "published" };
    const staged = await this.folder.stagedTargets(role);
    if (staged === null || !releasesOf(staged.signed).some(isIt)) return { state: "absent" };
    const pending = await readPending(this.folder);
    const own = pending.find((each) => each.name.role === role.role && each.name.repository === "catalogue");
    const missing = pending.reduce((sum, each) => sum + each.missing, 0);
    return missing === 0 ? { state: "complete" } : { state: "waiting", signed: own?.signed ?? "0", missing };
  }

  /** The number that the next release of a product will have. */
  async nextNumber(product: string): Promise<number> {
    const role = { repository: "catalogue" as const, role: productRole(product) };
    const upcoming = (await this.folder.stagedTargets(role)) ?? (await this.folder.targets(role));
    return upcoming === null ? 1 : (releasesOf(upcoming.signed).at(-1)?.note.release ?? 0) + 1;
  }

  /** Makes what is whole visible, and orders it where `order` is given. Throws RELEASE_INCOMPLETE, USAGE. */
  async publish(
    order: (CatalogueRelease & { readonly stage: ReleaseStage; readonly to: readonly Addressee[] }) | null,
  ): Promise<void> {
    await this.#alone(async () => {
      const incomplete = (await readPending(this.folder)).some(({ missing }) => missing > 0);
      await publishReleases({
        ...{ folder: this.folder, keys: await this.#keys(), now: this.#clock.wallNow(), orders: order },
        refreshOnly: incomplete,
      });
    });
  }

  /** Signs snapshot, timestamp and director anew where they will run out. Returns whether it did. */
  async refresh(): Promise<boolean> {
    if (!(await this.#isRefreshDue())) return false; // asked without the lock first: it is so nearly always
    return this.#alone(async () =>
      refreshReleases({ folder: this.folder, keys: await this.#keys(), now: this.#clock.wallNow() }, () =>
        this.#isRefreshDue(),
      ),
    );
  }

  async #isRefreshDue(): Promise<boolean> {
    const { days } = await this.folder.policy();
    const now = this.#clock.wallNow();
    const left = async (repository: "catalogue" | "director", life: number): Promise<number> => {
      const timestamp = await this.folder.timestamp(repository);
      return timestamp === null ? 0 : (Date.parse(timestamp.signed.expires) - now) / (life * DAY_MS);
    };
    const least = Math.min(await left("catalogue", days.timestamp), await left("director", days.director));
    if (least > REFRESH_BELOW) return false;
    return (await this.folder.timestamp("catalogue")) !== null; // else nothing was ever published
  }

  async status(): Promise<ReleaseStatus> {
    return readStatus(this.folder, this.#clock.wallNow());
  }

  pending(): Promise<Pending[]> {
    return readPending(this.folder);
  }

  #keys() {
    return readKeys(this.#settings.keys, this.#settings.passphrase);
  }

  #alone<T>(change: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(change);
    this.#turn = next.catch(() => undefined);
    return next;
  }
}
