import { SightlineError } from "../contracts/errors.ts";
import { nearestWord } from "../platform/nearest-word.ts";
import type { Command } from "./command.ts";

const HELP = `usage: sightline release ACTION [options]

Signed releases of model bundles, as static files that any web server can offer (docs/releases.md).

  keys       make the keys and the first root; replace or renew them; add a product
  sign       sign a bundle as a release of a product, or add another holder's signatures
  publish    make what is signed visible, and order it for devices or lines
  status     versions, expiries, signatures, releases and orders
  rollback   go back to an older version, as a new release

sightline release ACTION --help says more.
`;

type Action = (args: string[]) => Promise<number>;

const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  keys: async () => (await import("./release/keys.ts")).releaseKeys,
  sign: async () => (await import("./release/sign.ts")).releaseSign,
  publish: async () => (await import("./release/publish.ts")).releasePublish,
  status: async () => (await import("./release/status.ts")).releaseStatus,
  rollback: async () => (await import("./release/rollback.ts")).releaseRollback,
};

export const release: Command = {
  name: "release",
  summary: "signed releases: keys, sign, publish, status, rollback",
  async run([action, ...args]) {
    if (action === undefined || action === "--help" || action === "-h") {
      process.stdout.write(HELP);
      return action === undefined ? 2 : 0;
    }
    const load = ACTIONS[action];
    if (load !== undefined) return (await load())(args);
    const meant = nearestWord(action, Object.keys(ACTIONS));
    throw new SightlineError(
      "USAGE",
      `there is no action "${action}"${meant === undefined ? "" : `; did you mean ${meant}?`}`,
    );
  },
};
