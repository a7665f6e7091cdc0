import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { release } from "../../../src/commands/release.ts";
import { captured } from "../../commands/captured-output.ts";
import { DEVICE, ROOT, temporaryDirectory } from "./station.ts";

export const PRODUCT = "tile";

/** A folder of signed releases, made by the release commands: what the hub and the holders of keys do. */
export class ReleaseShop {
  readonly folder = temporaryDirectory();
  readonly url = pathToFileURL(join(this.folder, "releases")).href;
  readonly #shared = ["--releases", join(this.folder, "releases"), "--keys", join(this.folder, "keys")];

  static async open(): Promise<ReleaseShop> {
    const shop = new ReleaseShop();
    await shop.run("keys", "--product", PRODUCT, "--signers", "root=1of1,targets=1of1,product=1of1");
    await shop.run("publish");
    return shop;
  }

  /** Signs a bundle as the newest release. */
  async sign(bundlePath: string, reason = "a better model"): Promise<void> {
    await this.run("sign", "--product", PRODUCT, "--bundle", bundlePath, "--line", ROOT, "--reason", reason);
  }

  async order(version: string, stage: "shadow" | "canary" | "fleet" = "fleet"): Promise<void> {
    await this.run("publish", "--product", PRODUCT, "--version", version, "--stage", stage, "--device", DEVICE);
  }

  /** The section of a device's configuration; tries are as short as tests want them. */
  section(change: object = {}): object {
    const birth = join(this.folder, "birth");
    mkdirSync(birth, { recursive: true });
    for (const name of ["catalogue", "director"])
      cpSync(join(this.folder, "releases", name, "metadata", "1.root.json"), join(birth, `${name}.json`));
    return {
      url: this.url,
      product: PRODUCT,
      line: ROOT,
      catalogueRoot: join(birth, "catalogue.json"),
      directorRoot: join(birth, "director.json"),
      pollSeconds: 1,
      shadow: { parts: 20, niceness: 0 },
      trial: { parts: 200, minutes: 0.02 },
      ...change,
    };
  }

  /** The repository is gone: nobody answers any more. */
  close(): void {
    rmSync(join(this.folder, "releases"), { recursive: true });
  }

  async run(...args: string[]): Promise<void> {
    const { code, stderr } = await captured(() => release.run([...args, ...this.#shared]));
    if (code !== 0) throw new Error(`release ${args.join(" ")}: ${stderr}`);
  }
}
