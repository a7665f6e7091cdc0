import { readFile, stat } from "node:fs/promises";
import { SightlineError } from "../../contracts/errors.ts";
import { RepositoryFolder } from "../../release/repository-folder.ts";
import { readKeys, type SigningKey } from "../../release/signing-keys.ts";

export const SHARED_HELP = `  --releases DIR         the folder that is published (default: releases)
  --keys DIR             the folder of key files at hand (default: release-keys)
  --passphrase-file F    opens encrypted key files: the first line of a file,
  --passphrase-env NAME  or an environment variable
  --json                 one JSON document on stdout
`;

export const SHARED_OPTIONS = {
  releases: { type: "string", default: "releases" },
  keys: { type: "string", default: "release-keys" },
  "passphrase-file": { type: "string" },
  "passphrase-env": { type: "string" },
  json: { type: "boolean", default: false },
} as const;

interface SharedValues {
  readonly releases: string;
  readonly keys: string;
  readonly "passphrase-file"?: string | undefined;
  readonly "passphrase-env"?: string | undefined;
}

export const note = (line: string): void => void process.stderr.write(`${line}\n`);

export const folderOf = ({ releases }: SharedValues): RepositoryFolder => new RepositoryFolder(releases);

export async function keysOf(options: SharedValues): Promise<SigningKey[]> {
  const keys = await readKeys(options.keys, await passphraseOf(options));
  if (keys.length === 0) throw new SightlineError("USAGE", `${options.keys} holds no key files; see --keys`);
  const { mode } = await stat(options.keys);
  if ((mode & 0o077) !== 0) note(`warning: others may look into ${options.keys}; close it with chmod 700`);
  return keys;
}

/** Null where none is given. Never on the command line: others can read that. */
export async function passphraseOf(options: SharedValues): Promise<string | null> {
  const [path, name] = [options["passphrase-file"], options["passphrase-env"]];
  if (path !== undefined && name !== undefined) {
    throw new SightlineError("USAGE", "give --passphrase-file or --passphrase-env, not both");
  }
  if (path !== undefined) {
    const text = await readFile(path, "utf8").catch(() => {
      throw new SightlineError("USAGE", `--passphrase-file ${path} cannot be read`);
    });
    return longEnough(text.split(/\r?\n/)[0] ?? "", "--passphrase-file");
  }
  if (name === undefined) return null;
  return longEnough(process.env[name] ?? "", "--passphrase-env");
}

function longEnough(passphrase: string, option: string): string {
  if (passphrase.length >= 12) return passphrase;
  throw new SightlineError("USAGE", `${option}: the passphrase needs 12 characters or more`);
}
