import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scryptSync,
  sign,
} from "node:crypto";
import { mkdir, open, readFile, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { Key, Signature } from "@tufjs/models";
import { z } from "zod";
import { SightlineError } from "../contracts/errors.ts";
import { syncDirectory } from "../platform/durable-file.ts";

const Base64 = z.base64();

/** `NAME.key.json`, readable by its owner only. The public half is in clear, so that nothing is asked to look. */
const KeyFile = z.strictObject({
  schema: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,80}$/),
  public: z.string().regex(/^[0-9a-f]{64}$/),
  private: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("plain"), pkcs8: Base64 }),
    z.strictObject({
      kind: z.literal("scrypt-aes-256-gcm"),
      cost: z
        .int()
        .min(2 ** 14)
        .max(2 ** 20),
      salt: Base64,
      nonce: Base64,
      tag: Base64,
      ciphertext: Base64,
    }),
  ]),
});
type KeyFile = z.infer<typeof KeyFile>;

/** An ed25519 key that may sign metadata; its private half is unlocked when first used. */
export interface SigningKey {
  readonly name: string;
  readonly key: Key;
  sign(bytes: Uint8Array): Signature;
}

const SUFFIX = ".key.json";
/** 32 MiB and about 0.1 s a guess (RFC 7914: N, r = 8, p = 1). */
const SCRYPT_COST = 2 ** 15;
const SCRYPT = { r: 8, p: 1, maxmem: 2 ** 31 - 1 } as const;

/** Makes a key and its file in `folder`, which must not have one of that name. Encrypted where a passphrase is given. */
export async function makeKey(folder: string, name: string, passphrase: string | null): Promise<SigningKey> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
  const file: KeyFile = {
    schema: 1,
    name,
    public: rawPublic(publicKey),
    private: passphrase === null ? { kind: "plain", pkcs8: pkcs8.toString("base64") } : locked(pkcs8, passphrase),
  };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${name}${SUFFIX}`);
  const handle = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
    throw new SightlineError("USAGE", `${path} is there already; keys are never overwritten`);
  });
  try {
    await handle.writeFile(`${JSON.stringify(file, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncDirectory(folder);
  return signingKey(file, () => privateKey);
}

/** All keys of a folder. A wrong or missing passphrase is found when a key is used. */
export async function readKeys(folder: string, passphrase: string | null): Promise<SigningKey[]> {
  const names = await readdir(folder).catch(() => {
    throw new SightlineError("USAGE", `${folder} cannot be read; --keys takes the folder that holds the key files`);
  });
  const keys: SigningKey[] = [];
  for (const name of names.filter((each) => each.endsWith(SUFFIX)).sort()) {
    const path = join(folder, name);
    const parsed = KeyFile.safeParse(parseOrNull(await readFile(path, "utf8")));
    if (!parsed.success) throw new SightlineError("DATA_INVALID", `${path} is no key file of this tool`);
    keys.push(signingKey(parsed.data, () => unlocked(path, parsed.data, passphrase)));
  }
  return keys;
}

/** Puts a key out of the way: it signs nothing any more, but is kept for a root that still waits for its signature. */
export async function retireKey(folder: string, key: SigningKey): Promise<void> {
  const retired = join(folder, "retired");
  await mkdir(retired, { recursive: true, mode: 0o700 });
  const to = join(retired, `${key.name}-${key.key.keyID.slice(0, 8)}${SUFFIX}`);
  await rename(join(folder, `${key.name}${SUFFIX}`), to);
  await syncDirectory(folder);
}

function signingKey(file: KeyFile, open: () => KeyObject): SigningKey {
  let opened: KeyObject | null = null;
  const publicPart = { keytype: "ed25519", keyval: { public: file.public }, scheme: "ed25519" };
  // The id is the SHA-256 of the public part in canonical JSON: sorted names, no spaces (TUF 4.2).
  const keyID = createHash("sha256").update(JSON.stringify(publicPart)).digest("hex");
  const key = new Key({ keyID, keyType: "ed25519", scheme: "ed25519", keyVal: { public: file.public } });
  return {
    name: file.name,
    key,
    sign: (bytes) => {
      opened ??= open();
      return new Signature({ keyID, sig: sign(null, bytes, opened).toString("hex") });
    },
  };
}

/** The last 32 bytes of the DER form are the key itself (RFC 8410). */
const rawPublic = (key: KeyObject): string => key.export({ type: "spki", format: "der" }).subarray(-32).toString("hex");

function locked(pkcs8: Uint8Array, passphrase: string): KeyFile["private"] {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", derived(passphrase, salt, SCRYPT_COST), nonce);
  const ciphertext = Buffer.concat([cipher.update(pkcs8), cipher.final()]);
  return {
    kind: "scrypt-aes-256-gcm",
    cost: SCRYPT_COST,
    salt: salt.toString("base64"),
    nonce: nonce.toString("base64"),
    tag: cipher.getAuthTag().toString("base64"),
    ciphertext: ciphertext.toString("base64"),
  };
}

function unlocked(path: string, file: KeyFile, passphrase: string | null): KeyObject {
  const der = file.private.kind === "plain" ? bytesOf(file.private.pkcs8) : decrypted(path, file.private, passphrase);
  const key = createPrivateKey({ key: der, type: "pkcs8", format: "der" });
  if (rawPublic(createPublicKey(key)) === file.public) return key;
  throw new SightlineError("DATA_INVALID", `${path}: its public half does not belong to its private half`);
}

function decrypted(
  path: string,
  { cost, salt, nonce, tag, ciphertext }: Extract<KeyFile["private"], { kind: "scrypt-aes-256-gcm" }>,
  passphrase: string | null,
): Buffer {
  if (passphrase === null) {
    throw new SightlineError("USAGE", `${path} is encrypted; give --passphrase-file or --passphrase-env`);
  }
  const decipher = createDecipheriv("aes-256-gcm", derived(passphrase, bytesOf(salt), cost), bytesOf(nonce));
  decipher.setAuthTag(bytesOf(tag));
  try {
    return Buffer.concat([decipher.update(bytesOf(ciphertext)), decipher.final()]);
  } catch (error) {
    throw new SightlineError("USAGE", `${path} does not open with this passphrase`, { cause: error });
  }
}

const derived = (passphrase: string, salt: Uint8Array, cost: number): Buffer =>
  scryptSync(passphrase.normalize("NFC"), salt, 32, { N: cost, ...SCRYPT });

const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64");

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
