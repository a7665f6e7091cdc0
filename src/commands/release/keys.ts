import { SightlineError } from "../../contracts/errors.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { exclusively } from "../../release/exclusively.ts";
import { addProduct, createReleases, fingerprintOf, renewRole, rotateKeys } from "../../release/key-ceremony.ts";
import { readPending, roleText } from "../../release/pending.ts";
import { ReleasePolicy } from "../../release/repository-folder.ts";
import type { SigningKey } from "../../release/signing-keys.ts";
import { parseCommandLine } from "../command-line.ts";
import { folderOf, note, passphraseOf, SHARED_HELP, SHARED_OPTIONS } from "./shared.ts";

const HELP = `usage: sightline release keys --product NAME [options]
       sightline release keys --rotate ROLE | --renew ROLE [options]

Makes the keys of signed releases and the first root. Afterwards carry root-*, targets-* and product-* key files to the
people who hold them, off this machine; snapshot, timestamp and director stay with the hub.

  --product NAME         a product with keys of its own; may be given several times, and later again for more
  --rotate ROLE          new keys for root, targets, snapshot, timestamp, director or product-NAME
  --renew ROLE           the same keys, a later expiry: root, targets or product-NAME
  --days ROLE=N,...      how long signatures last: root 365, targets 365, product 180, snapshot 7, timestamp 1, director 1
  --air-gapped           30 days for snapshot, timestamp and director: for plants that are fed by hand
  --signers ROLE=MofN,.. how many of how many keys must sign (default root=2of3,targets=2of2,product=2of2)
${SHARED_HELP}`;

const OPTIONS = {
  ...SHARED_OPTIONS,
  product: { type: "string", multiple: true },
  rotate: { type: "string" },
  renew: { type: "string" },
  days: { type: "string" },
  "air-gapped": { type: "boolean", default: false },
  signers: { type: "string" },
} as const;
type Options = ReturnType<typeof parseCommandLine<typeof OPTIONS>>;

export async function releaseKeys(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (options.rotate !== undefined && options.renew !== undefined) {
    throw new SightlineError("USAGE", "give --rotate or --renew, not both");
  }
  const folder = folderOf(options);
  const ceremony = {
    folder,
    keysPath: options.keys,
    passphrase: await passphraseOf(options),
    now: clock.wallNow(),
  };
  const made = await exclusively(folder, async (): Promise<SigningKey[]> => {
    if (options.rotate !== undefined) return rotateKeys(ceremony, options.rotate);
    if (options.renew !== undefined) {
      await renewRole(ceremony, options.renew);
      return [];
    }
    const products = options.product ?? [];
    if ((await folder.root("catalogue")) === null) return createReleases(ceremony, policyOf(options), products);
    if (products.length === 0)
      throw new SightlineError("USAGE", `${options.releases} has its keys; see --help for more`);
    const keys: SigningKey[] = [];
    for (const product of products) keys.push(...(await addProduct(ceremony, product)));
    return keys;
  });
  const pending = (await readPending(folder)).map(({ name, signed, missing }) => ({
    role: roleText(name),
    signed,
    missing,
  }));
  if (options.json) {
    const keys = made.map(({ name, key }) => ({ name, keyId: key.keyID }));
    process.stdout.write(`${JSON.stringify({ releases: options.releases, keys, pending })}\n`);
    return 0;
  }
  for (const { name, key } of made) process.stdout.write(`made ${name.padEnd(24)} ${fingerprintOf(key)}\n`);
  for (const { role, signed, missing } of pending) {
    process.stdout.write(
      `staged ${role.padEnd(22)} ${signed} signatures${missing > 0 ? `, ${missing} missing` : ""}\n`,
    );
  }
  process.stdout.write(
    pending.some(({ missing }) => missing > 0)
      ? "next: the other key holders run `sightline release sign --keys DIR`\n"
      : "next: sightline release publish\n",
  );
  if (made.length > 0 && ceremony.passphrase === null) {
    note("the key files are not encrypted: take the offline ones off this machine, or use --passphrase-file");
  }
  return 0;
}

function policyOf(options: Options): ReleasePolicy {
  const days: Record<string, number> = options["air-gapped"] ? { snapshot: 30, timestamp: 30, director: 30 } : {};
  for (const [role, value] of pairs(options.days, "days")) days[role] = Number(value);
  const signers: Record<string, object> = {};
  for (const [role, value] of pairs(options.signers, "signers")) {
    const [, threshold, keys] = /^(\d+)of(\d+)$/.exec(value) ?? [];
    if (keys === undefined) throw new SightlineError("USAGE", `--signers ${role}=${value}: use for example root=2of3`);
    signers[role] = { keys: Number(keys), threshold: Number(threshold) };
  }
  const parsed = ReleasePolicy.safeParse({ days, signers });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new SightlineError("USAGE", `--days and --signers: ${issue?.path.join(".")}: ${issue?.message}`);
}

function pairs(text: string | undefined, option: string): [string, string][] {
  return (text ?? "")
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [role, value] = part.split("=");
      if (role === undefined || value === undefined) {
        throw new SightlineError("USAGE", `--${option} ${text}: use ROLE=VALUE, with commas between`);
      }
      return [role, value];
    });
}
