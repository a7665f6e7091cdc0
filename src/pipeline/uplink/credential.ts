import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { EnrolReply } from "../../contracts/hub-case.ts";
import { writeDurably } from "../../platform/durable-file.ts";

/** What the hub gave this device at its enrolment, and where. */
export const Credential = z.strictObject({ hub: z.string(), ...EnrolReply.shape });
export type Credential = z.infer<typeof Credential>;

const OWNER_ONLY = 0o600;

export const credentialPath = (dataDirectory: string): string => join(dataDirectory, "hub-credential.json");

export const writeCredential = (path: string, credential: Credential): Promise<void> =>
  writeDurably(path, `${JSON.stringify(credential, null, 2)}\n`, OWNER_ONLY);

/** Null where this device has not been enrolled. Throws CONFIG_INVALID for a file that cannot be used. */
export async function readCredential(path: string): Promise<Credential | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new SightlineError("CONFIG_INVALID", `${path} cannot be read by this user: ${messageOf(error)}`);
  }
  try {
    return Credential.parse(JSON.parse(text));
  } catch (error) {
    const detail = `${path} is no credential of a hub; enrol this device again (sightline edge enrol)`;
    throw new SightlineError("CONFIG_INVALID", detail, { cause: error });
  }
}

/** True where others on this machine can read it. */
export async function isOpenToOthers(path: string): Promise<boolean> {
  return ((await stat(path)).mode & 0o077) !== 0;
}
