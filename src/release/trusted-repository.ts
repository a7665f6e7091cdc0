import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Metadata, MetadataKind, type Root, type TargetFile } from "@tufjs/models";
import { Updater } from "tuf-js";
import { messageOf } from "../contracts/errors.ts";
import { explainFault } from "./explain-fault.ts";
import { METADATA_LIMITS, type MetadataFetcher } from "./metadata-fetcher.ts";
import { ReleaseRefused } from "./refusal.ts";
import type { RepositoryName } from "./trust-store.ts";

/** Signed with each timestamp: when it was made, ms since 1970. A lower bound of time for devices without a clock. */
export const ISSUED_AT = "x-issued-at";

/** One of the two repositories as a device sees it: the client workflow of The Update Framework, by tuf-js. */
export class TrustedRepository {
  readonly name: RepositoryName;
  readonly #path: string;
  readonly #url: string;
  readonly #fetcher: MetadataFetcher;
  #updater: Updater | null = null;
  #at = 0;

  /** `path` is its folder in the working copy, `url` that of its metadata. */
  constructor(name: RepositoryName, path: string, url: string, fetcher: MetadataFetcher) {
    this.name = name;
    this.#path = path;
    this.#url = url;
    this.#fetcher = fetcher;
  }

  /** Root, timestamp, snapshot and targets as of `at` (ms since 1970). Throws ReleaseRefused. */
  async refresh(at: number): Promise<void> {
    this.#at = at;
    await this.#explained(async () => {
      const updater = this.#newUpdater();
      setReferenceTime(updater, new Date(at));
      await updater.refresh();
      this.#updater = updater;
    });
  }

  /** What is signed about `path`; null where nobody who may has signed it. Only after `refresh`. */
  async target(path: string): Promise<TargetFile | null> {
    return this.#explained(async () => (await this.#updater?.getTargetInfo(path)) ?? null);
  }

  /** Ids of the keys that `role` has by the newest root, sorted. */
  async keysOf(role: "timestamp" | "targets"): Promise<string[]> {
    const root = await this.#root();
    return [...(root.signed.roles[role]?.keyIDs ?? [])].sort();
  }

  /** When the newest timestamp says it was made, but never later than it lasts; 0 where it does not say. */
  async issuedAt(): Promise<number> {
    const { signed } = Metadata.fromJSON(MetadataKind.Timestamp, await this.#read("timestamp.json"));
    const issued = signed.unrecognizedFields[ISSUED_AT];
    return typeof issued === "number" && Number.isSafeInteger(issued) && issued < Date.parse(signed.expires)
      ? issued
      : 0;
  }

  /** The first of the roles that has expired at `at`; null where all still hold. */
  async expiredAt(at: number, roles: readonly string[]): Promise<string | null> {
    for (const role of roles) {
      const { signed } = (await this.#read(`${role}.json`)) as { signed?: { expires?: string } };
      if (!(Date.parse(signed?.expires ?? "") > at)) return role;
    }
    return null;
  }

  #newUpdater(): Updater {
    try {
      return new Updater({
        metadataDir: this.#path,
        metadataBaseUrl: this.#url,
        fetcher: this.#fetcher,
        config: {
          rootMaxLength: METADATA_LIMITS.rootBytes,
          timestampMaxLength: METADATA_LIMITS.timestampBytes,
          snapshotMaxLength: METADATA_LIMITS.snapshotBytes,
          targetsMaxLength: METADATA_LIMITS.targetsBytes,
          maxDelegations: 8,
        },
      });
    } catch (error) {
      throw this.#trustLost(error);
    }
  }

  async #root(): Promise<Metadata<Root>> {
    try {
      return Metadata.fromJSON(MetadataKind.Root, await this.#read("root.json"));
    } catch (error) {
      throw this.#trustLost(error);
    }
  }

  readonly #trustLost = (error: unknown): ReleaseRefused =>
    new ReleaseRefused(
      "TRUST_LOST",
      `This device's root of the ${this.name} cannot be used: ${messageOf(error)}. Give it the repository's root.json anew.`,
      { cause: error },
    );

  async #read(file: string): Promise<Parameters<typeof Metadata.fromJSON>[1]> {
    return JSON.parse(await readFile(join(this.#path, file), "utf8")) as Parameters<typeof Metadata.fromJSON>[1];
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw explainFault(this.name, error, { file: this.#fetcher.lastFile, fault: this.#fetcher.lastFault }, this.#at);
    }
  }
}

/** tuf-js takes the time from the system and offers no other way. Fails closed where it keeps it elsewhere. */
function setReferenceTime(updater: Updater, at: Date): void {
  const trusted: unknown = Reflect.get(updater, "trustedSet");
  const known =
    typeof trusted === "object" && trusted !== null && Reflect.get(trusted, "referenceTime") instanceof Date;
  if (!known || !Reflect.set(trusted, "referenceTime", at)) {
    throw new ReleaseRefused(
      "TRUST_LOST",
      "This version of tuf-js keeps its time elsewhere; use the one in package.json.",
    );
  }
}
