import { systemClock as clock } from "../../platform/clock.ts";
import { readPending, roleText } from "../../release/pending.ts";
import { signRollback } from "../../release/sign-release.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { folderOf, keysOf, SHARED_HELP, SHARED_OPTIONS } from "./shared.ts";

const HELP = `usage: sightline release rollback --product NAME --to VERSION --reason TEXT [options]

Goes back to the files of an older version as a new release with a higher number: devices never take an older number.
Publish and order it afterwards like other releases.

  --product NAME         the product
  --to VERSION           the version to go back to
  --name N               the model, where several have that version
  --line LINE            the lines it is for; may be given several times; default: those of that version
  --reason TEXT          why, signed with it
${SHARED_HELP}`;

const OPTIONS = {
  ...SHARED_OPTIONS,
  product: { type: "string" },
  to: { type: "string" },
  name: { type: "string" },
  line: { type: "string", multiple: true },
  reason: { type: "string" },
} as const;

export async function releaseRollback(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const folder = folderOf(options);
  const { note, signers } = await signRollback(
    { name: options.name, version: required(options.to, "to") },
    {
      folder,
      product: required(options.product, "product"),
      lines: options.line ?? [],
      reason: required(options.reason, "reason"),
      keys: await keysOf(options),
      now: clock.wallNow(),
    },
  );
  const pending = (await readPending(folder)).map(({ name, signed, missing }) => ({
    role: roleText(name),
    signed,
    missing,
  }));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ signers, release: note, pending })}\n`);
    return 0;
  }
  process.stdout.write(
    `back to ${note.name} ${note.version} as release ${note.release} of ${note.product}: ${note.reason}\n` +
      `signed by ${signers.length === 0 ? "none of the keys at hand" : signers.join(", ")}\n`,
  );
  for (const { role, signed, missing } of pending) {
    process.stdout.write(`${role}: ${signed} signatures${missing > 0 ? `, ${missing} missing` : ", complete"}\n`);
  }
  return 0;
}
