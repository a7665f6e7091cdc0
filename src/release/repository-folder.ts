import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Metadata, MetadataKind, type Root, type Snapshot, type Targets, type Timestamp } from "@tufjs/models";
import { z } from "zod";
import { SightlineError } from "../contracts/errors.ts";
import { writeDurably } from "../platform/durable-file.ts";
import type { RepositoryName } from "./trust-store.ts";

/** Days each kind of metadata lasts, and how many signatures it takes. Kept as `policy.json` beside the repositories. */
export const ReleasePolicy = z.strictObject({
  schema: z.literal(1).default(1),
  days: z
    .strictObject({
      root: z.number().positive().max(3650).default(365),
      targets: z.number().positive().max(3650).default(365),
      product: z.number().positive().max(3650).default(180),
      snapshot: z.number().positive().max(3650).default(7),
      timestamp: z.number().positive().max(3650).default(1),
      director: z.number().positive().max(3650).default(1),
    })
    .prefault({}),
  /** Keys made for a role, and how many of them must sign. */
  signers: z
    .strictObject({
      root: Signers(3, 2),
      targets: Signers(2, 2),
      product: Signers(2, 2),
    })
    .prefault({}),
});
export type ReleasePolicy = z.infer<typeof ReleasePolicy>;

function Signers(keys: number, threshold: number) {
  return z
    .strictObject({ keys: z.int().min(1).max(9).default(keys), threshold: z.int().min(1).max(9).default(threshold) })
    .refine((signers) => signers.threshold <= signers.keys, "threshold must not exceed keys")
    .prefault({});
}

/** A role by its repository: `root` and `targets` are in both. */
export interface RoleName {
  readonly repository: RepositoryName;
  readonly role: string;
}

export type AnyMetadata = Metadata<Root> | Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>;

/** Versions of online metadata that stay for devices in the middle of a check. Roots stay for ever. */
const KEPT_VERSIONS = 10;

/**
 * The folder that is published: `catalogue/` and `director/`, each with `metadata/`, the catalogue with `targets/`, all
 * of them static files. `staged/` holds what still waits for signatures or for the next publication.
 */
export class RepositoryFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async policy(): Promise<ReleasePolicy> {
    const path = join(this.path, "policy.json");
    const text = await readFile(path, "utf8").catch(() => {
      throw new SightlineError("USAGE", `${this.path} holds no releases; make them with \`sightline release keys\``);
    });
    const parsed = ReleasePolicy.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new SightlineError("CONFIG_INVALID", `${path} at ${issue?.path.join(".")}: ${issue?.message}`);
  }

  async writePolicy(policy: ReleasePolicy): Promise<void> {
    await mkdir(this.path, { recursive: true });
    await writeDurably(join(this.path, "policy.json"), `${JSON.stringify(policy, null, 2)}\n`);
  }

  root(repository: RepositoryName): Promise<Metadata<Root> | null> {
    return this.#newest({ repository, role: "root" }, (json) => Metadata.fromJSON(MetadataKind.Root, json));
  }

  targets(name: RoleName): Promise<Metadata<Targets> | null> {
    return this.#newest(name, (json) => Metadata.fromJSON(MetadataKind.Targets, json));
  }

  snapshot(repository: RepositoryName): Promise<Metadata<Snapshot> | null> {
    return this.#newest({ repository, role: "snapshot" }, (json) => Metadata.fromJSON(MetadataKind.Snapshot, json));
  }

  async timestamp(repository: RepositoryName): Promise<Metadata<Timestamp> | null> {
    const bytes = await readFile(this.#metadataPath(repository, "timestamp.json")).catch(() => null);
    return bytes === null ? null : Metadata.fromJSON(MetadataKind.Timestamp, parse(bytes));
  }

  async stagedRoot(repository: RepositoryName): Promise<Metadata<Root> | null> {
    const bytes = await readFile(this.#stagedPath({ repository, role: "root" })).catch(() => null);
    return bytes === null ? null : Metadata.fromJSON(MetadataKind.Root, parse(bytes));
  }

  async stagedTargets(name: RoleName): Promise<Metadata<Targets> | null> {
    const bytes = await readFile(this.#stagedPath(name)).catch(() => null);
    return bytes === null ? null : Metadata.fromJSON(MetadataKind.Targets, parse(bytes));
  }

  /** Everything that waits, roots first, then targets, then products: each may need the one before. */
  async staged(): Promise<RoleName[]> {
    const found: RoleName[] = [];
    for (const repository of ["catalogue", "director"] as const) {
      const files = await readdir(join(this.path, "staged", repository)).catch(() => []);
      for (const file of files) if (file.endsWith(".json")) found.push({ repository, role: file.slice(0, -5) });
    }
    const rank = ({ role }: RoleName): number => ["root", "targets"].indexOf(role) + 1 || 3;
    return found.sort((left, right) => rank(left) - rank(right));
  }

  async stage(name: RoleName, metadata: AnyMetadata): Promise<void> {
    await mkdir(dirname(this.#stagedPath(name)), { recursive: true });
    await writeDurably(this.#stagedPath(name), bytesOf(metadata));
  }

  async unstage(name: RoleName): Promise<void> {
    await rm(this.#stagedPath(name), { force: true });
  }

  /** Puts metadata where devices find it. A timestamp makes everything before it visible: write it last. */
  async publish({ repository, role }: RoleName, metadata: AnyMetadata): Promise<void> {
    const path = this.#metadataPath(
      repository,
      role === "timestamp" ? "timestamp.json" : `${metadata.signed.version}.${role}.json`,
    );
    await mkdir(dirname(path), { recursive: true });
    await writeDurably(path, bytesOf(metadata));
  }

  /** What a snapshot or timestamp says of a file, from the bytes as published. */
  async describe({ repository, role }: RoleName, version: number) {
    const bytes = await readFile(this.#metadataPath(repository, `${version}.${role}.json`));
    return { version, length: bytes.length, hashes: { sha256: createHash("sha256").update(bytes).digest("hex") } };
  }

  /** Removes old versions of `role`. */
  async removeOld({ repository, role }: RoleName): Promise<void> {
    for (const version of (await this.#versions({ repository, role })).slice(KEPT_VERSIONS)) {
      await rm(this.#metadataPath(repository, `${version}.${role}.json`), { force: true });
    }
  }

  /** Of the catalogue, below which bundle files lie. */
  get targetsPath(): string {
    return join(this.path, "catalogue", "targets");
  }

  async #newest<T>(name: RoleName, read: (json: ReturnType<typeof parse>) => T): Promise<T | null> {
    const version = (await this.#versions(name))[0];
    if (version === undefined) return null;
    return read(parse(await readFile(this.#metadataPath(name.repository, `${version}.${name.role}.json`))));
  }

  /** Newest first. */
  async #versions({ repository, role }: RoleName): Promise<number[]> {
    const files = await readdir(join(this.path, repository, "metadata")).catch(() => []);
    return files
      .flatMap((file) => {
        const [, version, found] = /^(\d+)\.(.+)\.json$/.exec(file) ?? [];
        return found === role ? [Number(version)] : [];
      })
      .sort((left, right) => right - left);
  }

  readonly #metadataPath = (repository: RepositoryName, file: string): string =>
    join(this.path, repository, "metadata", file);

  readonly #stagedPath = ({ repository, role }: RoleName): string =>
    join(this.path, "staged", repository, `${role}.json`);
}

const bytesOf = (metadata: AnyMetadata): string => `${JSON.stringify(metadata.toJSON(), null, 1)}\n`;

const parse = (bytes: Buffer): Parameters<typeof Metadata.fromJSON>[1] =>
  JSON.parse(bytes.toString("utf8")) as Parameters<typeof Metadata.fromJSON>[1];
