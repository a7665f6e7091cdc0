import { cp, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { exclusively } from "../../release/exclusively.ts";
import { createReleases } from "../../release/key-ceremony.ts";
import { signPending } from "../../release/pending.ts";
import { publishReleases } from "../../release/publish-release.ts";
import { ReleasePolicy, RepositoryFolder } from "../../release/repository-folder.ts";
import { readKeys } from "../../release/signing-keys.ts";

const ONLINE = ["snapshot", "timestamp", "director"];

/** Where the demonstration's releases and keys lie. A plant keeps the people's keys off every machine on the network. */
export class DemoReleases {
  readonly directory: string;
  readonly hubKeys: string;
  readonly #peoplesKeys: string;
  readonly #roots: string;
  readonly #folder: RepositoryFolder;

  constructor(directory: string) {
    this.directory = join(directory, "releases");
    this.hubKeys = join(directory, "hub-keys");
    this.#peoplesKeys = join(directory, "demonstration-keys-of-people");
    this.#roots = join(directory, "roots");
    this.#folder = new RepositoryFolder(this.directory);
  }

  /** First keys, both roots for the device, and an empty catalogue; nothing where they are there. */
  async prepare(product: string, now: number): Promise<void> {
    if ((await this.#folder.root("catalogue")) !== null) return;
    await mkdir(this.directory, { recursive: true });
    const ceremony = { folder: this.#folder, keysPath: this.#peoplesKeys, passphrase: null, now };
    await exclusively(this.#folder, () => createReleases(ceremony, ReleasePolicy.parse({}), [product]));
    await mkdir(this.hubKeys, { recursive: true });
    for (const { name } of await readKeys(this.#peoplesKeys, null)) {
      if (!ONLINE.includes(name.replace(/-\d+$/, ""))) continue;
      await rename(join(this.#peoplesKeys, `${name}.key.json`), join(this.hubKeys, `${name}.key.json`));
    }
    await publishReleases({
      ...{ folder: this.#folder, keys: await readKeys(this.hubKeys, null), now, orders: null },
    });
    await mkdir(this.#roots, { recursive: true });
    for (const name of ["catalogue", "director"])
      await cp(join(this.directory, name, "metadata", "1.root.json"), this.root(name));
  }

  root(name: string): string {
    return join(this.#roots, `${name}.json`);
  }

  /** What the holders of the product's keys do with `sightline release sign`; here one program plays both. */
  async signAsPeople(): Promise<readonly string[]> {
    const keys = await readKeys(this.#peoplesKeys, null);
    const signed = await exclusively(this.#folder, () => signPending(this.#folder, keys));
    return signed.flatMap(({ signers }) => signers);
  }
}
