import { readFile } from "node:fs/promises";
import { z } from "zod";
import { SightlineError } from "../contracts/errors.ts";

/** Never in the file itself: the name of an environment variable, or a file that only the service may read. */
export const Secret = z.union(
  [z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })],
  {
    error:
      "a secret is never written here; name the environment variable that holds it, { env: NAME }, " +
      "or the file, { file: PATH }",
  },
);
export type Secret = z.infer<typeof Secret>;

export type Environment = Readonly<Record<string, string | undefined>>;

export const absoluteSecret = (secret: Secret, absolute: (path: string) => string): Secret =>
  "file" in secret ? { file: absolute(secret.file) } : secret;

/** The text of a secret. `environment` is handed in: only the process entry reads the real one. */
export async function readSecret(secret: Secret, environment: Environment): Promise<string> {
  if ("env" in secret) {
    const value = environment[secret.env];
    if (value === undefined || value === "") {
      throw new SightlineError(
        "CONFIG_INVALID",
        `the environment variable ${secret.env} is not set; the configuration takes a secret from it`,
      );
    }
    return value;
  }
  const text = await readFile(secret.file, "utf8").catch((error: unknown) => {
    throw new SightlineError("CONFIG_INVALID", `the secret file ${secret.file} cannot be read by this user`, {
      cause: error,
    });
  });
  if (text.trim() === "") throw new SightlineError("CONFIG_INVALID", `the secret file ${secret.file} is empty`);
  return text.trim();
}
