import { SightlineError } from "../../contracts/errors.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { EVERY_LINE } from "../../release/documents.ts";
import { exclusively } from "../../release/exclusively.ts";
import { readPending, roleText, signPending } from "../../release/pending.ts";
import { describeChanges } from "../../release/describe-changes.ts";
import { signBundle } from "../../release/sign-release.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { folderOf, keysOf, note, SHARED_HELP, SHARED_OPTIONS } from "./shared.ts";

const HELP = `usage: sightline release sign --product NAME --bundle DIR --line LINE --reason TEXT [options]
       sightline release sign [options]

Signs a bundle as the next release of a product. Without --bundle it shows what waits for signatures and adds those of
the keys at hand: so the second holder signs, on a machine of their own. It says how many are still missing.

  --product NAME         the product it is for
  --bundle DIR           the model bundle
  --line LINE            the lines it is for (enterprise/site/area/line); may be given several times; default: every line
  --reason TEXT          why, signed with it
  --as NAME              sign with this key only (root-1, product-tile-2, ...); may be given several times
${SHARED_HELP}`;

const OPTIONS = {
  ...SHARED_OPTIONS,
  product: { type: "string" },
  bundle: { type: "string" },
  line: { type: "string", multiple: true },
  reason: { type: "string" },
  as: { type: "string", multiple: true },
} as const;

export async function releaseSign(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const folder = folderOf(options);
  const all = await keysOf(options);
  const keys = options.as === undefined ? all : all.filter(({ name }) => options.as?.includes(name) === true);
  if (keys.length === 0)
    throw new SightlineError("USAGE", `--as ${options.as?.join(", ")}: no such key in ${options.keys}`);
  let signers: readonly string[];
  let signed = null;
  if (options.bundle === undefined) {
    for (const line of await describeChanges(folder)) note(line);
    const done = await exclusively(folder, () => signPending(folder, keys));
    if (done.length === 0) note("nothing waits for signatures");
    signers = done.flatMap((each) => each.signers);
  } else {
    signed = await signBundle(options.bundle, {
      folder,
      product: required(options.product, "product"),
      lines: options.line ?? [EVERY_LINE],
      reason: required(options.reason, "reason"),
      keys,
      now: clock.wallNow(),
    });
    signers = signed.signers;
  }
  const pending = (await readPending(folder)).map(({ name, signed: count, missing }) => ({
    role: roleText(name),
    signed: count,
    missing,
  }));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ signers, release: signed?.note ?? null, pending })}\n`);
    return 0;
  }
  if (signed !== null) {
    const { name, version, release, product, lines } = signed.note;
    const mb = (signed.bytes / 1e6).toFixed(1);
    process.stdout.write(
      `${name} ${version} is release ${release} of ${product}: ${signed.files} files, ${mb} MB, for ${lines.join(", ")}\n`,
    );
  }
  process.stdout.write(`signed by ${signers.length === 0 ? "none of the keys at hand" : signers.join(", ")}\n`);
  for (const { role, signed: count, missing } of pending) {
    process.stdout.write(
      `${role}: ${count} signatures${missing > 0 ? `, ${missing} missing: another holder runs \`sightline release sign\`` : ", complete"}\n`,
    );
  }
  return 0;
}
