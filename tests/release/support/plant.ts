import { createHash, randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock, type WallClockMs } from "../../../src/platform/clock.ts";
import type { Addressee, ReleaseStage } from "../../../src/release/documents.ts";
import { createReleases } from "../../../src/release/key-ceremony.ts";
import { publishReleases, type Published } from "../../../src/release/publish-release.ts";
import { ReleaseClient, type ReleaseClientOptions } from "../../../src/release/release-client.ts";
import { ReleasePolicy, RepositoryFolder } from "../../../src/release/repository-folder.ts";
import { signBundle, type SignTerms } from "../../../src/release/sign-release.ts";
import { readKeys, type SigningKey } from "../../../src/release/signing-keys.ts";
import { StaticServer } from "./static-server.ts";

export const PRODUCT = "tile";
export const LINE = "acme/berlin/hall-2/line-1";
export const DEVICE = "camera-7";
const TINY = new URL("../../fixtures/tiny-bundle", import.meta.url).pathname;

/** Everything is synced file by file, which is slow on a shared disk and proves nothing without a power cut. */
const FAST_FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** The system's timers, and a wall clock that is set by hand. */
export class SetClock implements Clock {
  now: number;

  constructor(now: number) {
    this.now = now;
  }

  readonly tick = systemClock.tick;
  readonly sleep = systemClock.sleep;
  readonly after = systemClock.after;
  wallNow = (): WallClockMs => this.now as WallClockMs;
}

export const DAY = 86_400_000;
export const START = Date.UTC(2026, 5, 1);

/** A repository, its keys, a server in front of it and devices that ask it. */
export class Plant {
  readonly path = mkdtempSync(join(FAST_FOLDER, "sightline-release-"));
  readonly repositoryPath = join(this.path, "releases");
  readonly keysPath = join(this.path, "keys");
  readonly folder = new RepositoryFolder(this.repositoryPath);
  readonly server = new StaticServer(this.repositoryPath);
  readonly clock = new SetClock(START);
  url = "";

  async start(policy: object = {}): Promise<void> {
    this.url = await this.server.start();
    await createReleases(this.ceremony(), ReleasePolicy.parse(policy), [PRODUCT]);
    await this.publish(null);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    rmSync(this.path, { recursive: true, force: true });
  }

  ceremony() {
    return { folder: this.folder, keysPath: this.keysPath, passphrase: null, now: this.clock.now };
  }

  keys(): Promise<SigningKey[]> {
    return readKeys(this.keysPath, null);
  }

  /** A bundle that opens, with a file of `extraBytes` random bytes to download. */
  async bundle(version: string, extraBytes = 200_000): Promise<string> {
    const path = join(this.path, "bundles", version);
    cpSync(TINY, path, { recursive: true });
    await writeFile(join(path, "weights.bin"), randomBytes(extraBytes));
    await this.editManifest(path, (manifest) => {
      manifest.version = version;
      manifest.files["weights.bin"] = fileEntry(join(path, "weights.bin"));
    });
    return path;
  }

  async editManifest(
    path: string,
    edit: (manifest: { version: string; files: Record<string, { sha256: string; bytes: number }> }) => void,
  ): Promise<void> {
    const manifest = JSON.parse(await readFile(join(path, "manifest.json"), "utf8"));
    edit(manifest);
    await writeFile(join(path, "manifest.json"), JSON.stringify(manifest));
  }

  async terms(change: Partial<SignTerms> = {}): Promise<SignTerms> {
    return {
      folder: this.folder,
      product: PRODUCT,
      lines: [LINE],
      reason: "first model",
      keys: await this.keys(),
      now: this.clock.now,
      ...change,
    };
  }

  async sign(version: string, change: Partial<SignTerms> = {}, extraBytes?: number): Promise<void> {
    await signBundle(await this.bundle(version, extraBytes), await this.terms(change));
  }

  async publish(
    version: string | null,
    stage: ReleaseStage = "fleet",
    to: readonly Addressee[] = [{ kind: "line", name: LINE }],
  ): Promise<Published> {
    return publishReleases({
      folder: this.folder,
      keys: await this.keys(),
      now: this.clock.now,
      afterPause: true,
      orders: version === null ? null : { product: PRODUCT, version, name: undefined, to, stage },
    });
  }

  /** The everyday case: signed by all, ordered for the line. */
  async release(version: string, change: Partial<SignTerms> = {}, extraBytes?: number): Promise<void> {
    await this.sign(version, change, extraBytes);
    await this.publish(version);
  }

  device(change: Partial<ReleaseClientOptions> & { readonly home?: string } = {}): ReleaseClient {
    const { home = "device", ...options } = change;
    return new ReleaseClient({
      clock: this.clock,
      url: this.url,
      directoryPath: join(this.path, home),
      birthRoots: this.birthRoots(),
      device: DEVICE,
      line: LINE,
      transferLimits: { minBytesPerSecond: 1000, patienceMs: 400 },
      ...options,
    });
  }

  birthRoots() {
    return {
      catalogue: readFileSync(join(this.repositoryPath, "catalogue/metadata/1.root.json")),
      director: readFileSync(join(this.repositoryPath, "director/metadata/1.root.json")),
    };
  }

  /** Copies what is published now aside, to be served again later. */
  async remember(name: string): Promise<string> {
    const path = join(this.path, "remembered", name);
    await mkdir(path, { recursive: true });
    cpSync(this.repositoryPath, path, { recursive: true });
    return path;
  }

  metadataFile(repository: "catalogue" | "director", pattern: RegExp): string {
    const folder = join(this.repositoryPath, repository, "metadata");
    const found = readdirSync(folder)
      .filter((file) => pattern.test(file))
      .sort((left, right) => Number.parseInt(right) - Number.parseInt(left))[0];
    if (found === undefined) throw new Error(`no ${pattern} in ${folder}`);
    return join(folder, found);
  }

  rewrite(path: string, change: (text: string) => string): void {
    writeFileSync(path, change(readFileSync(path, "utf8")));
  }
}

export function fileEntry(path: string): { sha256: string; bytes: number } {
  const bytes = readFileSync(path);
  return { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
}
