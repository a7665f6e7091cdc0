import { mkdir, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BundleManifest } from "../contracts/model-bundle.ts";
import { syncDirectory, writeDurably } from "../platform/durable-file.ts";
import { type ChosenRelease, sha256Of } from "./choose-release.ts";
import { bundlePath, isBundleFileName, MANIFEST_FILE, storedTargetPath } from "./documents.ts";
import { type DownloadOptions, downloadFile, sha256OfFile } from "./download-file.ts";
import { InstalledRelease } from "./floors.ts";
import { ReleaseRefused } from "./refusal.ts";
import type { TrustedRepository } from "./trusted-repository.ts";

/** Written into each installed folder: what it is, should the floors be lost. */
export const RECEIPT_FILE = "release.json";
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

export interface InstallOptions extends DownloadOptions {
  readonly catalogue: TrustedRepository;
  /** Of the catalogue's `targets/`. */
  readonly targetsUrl: string;
  /** Holds `PRODUCT/NAME-VERSION-HASH/`. */
  readonly bundlesPath: string;
  readonly maxBundleBytes: number;
  readonly onProgress: (done: number, total: number) => void;
}

interface BundleFile {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Where a release lies once installed: the hash keeps two builds of one version apart. */
export const installedPath = (bundlesPath: string, release: InstalledRelease): string =>
  join(bundlesPath, release.product, `${release.name}-${release.version}-${release.manifestSha256.slice(0, 12)}`);

/**
 * Downloads a bundle file by file and gives it its folder in one rename. Every file must be signed in the catalogue with
 * the same hash and length as its manifest says. Returns the folder. Throws ReleaseRefused.
 */
export async function installBundle(chosen: ChosenRelease, options: InstallOptions): Promise<string> {
  const receipt = receiptOf(chosen);
  const folder = installedPath(options.bundlesPath, receipt);
  const manifest = { name: MANIFEST_FILE, ...chosen.manifest };
  if (await holds(folder, [manifest])) {
    const files = await signedFiles(chosen, await readManifest(join(folder, MANIFEST_FILE), chosen), options.catalogue);
    if (await holds(folder, files)) {
      await writeDurably(join(folder, RECEIPT_FILE), JSON.stringify(receipt));
      return folder;
    }
  }
  const partPath = `${folder}.part`;
  await mkdir(partPath, { recursive: true });
  if (chosen.manifest.bytes > MAX_MANIFEST_BYTES) throw tooLarge(chosen, chosen.manifest.bytes, MAX_MANIFEST_BYTES);
  await fetchMissing(manifest, partPath, options);
  const content = await readManifest(join(partPath, MANIFEST_FILE), chosen);
  const files = await signedFiles(chosen, content, options.catalogue);
  const total = files.reduce((sum, { bytes }) => sum + bytes, chosen.manifest.bytes);
  if (total > options.maxBundleBytes) throw tooLarge(chosen, total, options.maxBundleBytes);
  let done = chosen.manifest.bytes;
  for (const file of files) {
    await fetchMissing(file, partPath, options);
    done += file.bytes;
    options.onProgress(done, total);
  }
  await removeStrangers(partPath, new Set([MANIFEST_FILE, ...files.map(({ name }) => name)]));
  await writeDurably(join(partPath, RECEIPT_FILE), JSON.stringify(receipt));
  for (const name of new Set(files.map(({ name }) => dirname(name)))) await syncDirectory(join(partPath, name));
  await rm(folder, { recursive: true, force: true });
  await rename(partPath, folder);
  await syncDirectory(dirname(folder));
  return folder;
}

export const receiptOf = ({ note, order, manifest }: ChosenRelease): InstalledRelease => ({
  product: note.product,
  name: note.name,
  version: note.version,
  release: note.release,
  stage: order.stage,
  order: order.order,
  reason: note.reason,
  manifestSha256: manifest.sha256,
});

/** Receipts of all installed bundles; unreadable ones are left out, the floors themselves are the first source. */
export async function readReceipts(bundlesPath: string): Promise<InstalledRelease[]> {
  const receipts: InstalledRelease[] = [];
  for (const product of await readdir(bundlesPath).catch(() => [])) {
    for (const folder of await readdir(join(bundlesPath, product)).catch(() => [])) {
      if (folder.endsWith(".part")) continue;
      const text = await readFile(join(bundlesPath, product, folder, RECEIPT_FILE), "utf8").catch(() => "null");
      const receipt = InstalledRelease.safeParse(parseOrNull(text)).data;
      if (receipt !== undefined) receipts.push(receipt);
    }
  }
  return receipts;
}

async function fetchMissing(file: BundleFile, partPath: string, options: InstallOptions): Promise<void> {
  const path = join(partPath, file.name);
  if (await isFile(path, file)) return;
  const url = `${options.targetsUrl}/${storedTargetPath(file.path, file.sha256).split("/").map(encodeURIComponent).join("/")}`;
  await downloadFile({ url, sha256: file.sha256, bytes: file.bytes }, path, options);
}

async function readManifest(path: string, { note, manifest }: ChosenRelease): Promise<BundleManifest> {
  const parsed = BundleManifest.safeParse(parseOrNull(await readFile(path, "utf8")));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ReleaseRefused(
      "MANIFEST_INVALID",
      `${manifest.path} does not fit the bundle schema at ${issue?.path.join(".") || "its root"}: ${issue?.message}.`,
    );
  }
  if (parsed.data.name !== note.name || parsed.data.version !== note.version) {
    throw new ReleaseRefused(
      "MANIFEST_LIES",
      `${manifest.path} says it is ${parsed.data.name} ${parsed.data.version}, but ${note.name} ${note.version} was signed.`,
    );
  }
  return parsed.data;
}

async function signedFiles(
  { note, manifest }: ChosenRelease,
  content: BundleManifest,
  catalogue: TrustedRepository,
): Promise<BundleFile[]> {
  const files: BundleFile[] = [];
  for (const [name, listed] of Object.entries(content.files)) {
    const lies = (what: string): ReleaseRefused => new ReleaseRefused("MANIFEST_LIES", `${manifest.path} ${what}.`);
    if (!isBundleFileName(name) || name === MANIFEST_FILE || name === RECEIPT_FILE) {
      throw lies(`lists ${JSON.stringify(name)}, which is no name a file of a bundle may have`);
    }
    const path = `${bundlePath(note.product, note.name, note.version)}/${name}`;
    const target = await catalogue.target(path);
    if (target === null) throw lies(`lists ${name}, which nobody signed`);
    if (sha256Of(target) !== listed.sha256 || target.length !== listed.bytes) {
      throw lies(`lists ${name} with another hash or length than was signed for it`);
    }
    files.push({ name, path, sha256: listed.sha256, bytes: listed.bytes });
  }
  return files;
}

async function holds(folder: string, files: readonly BundleFile[]): Promise<boolean> {
  for (const file of files) if (!(await isFile(join(folder, file.name), file))) return false;
  return true;
}

async function isFile(path: string, { sha256, bytes }: BundleFile): Promise<boolean> {
  const status = await stat(path).catch(() => null);
  return status?.isFile() === true && status.size === bytes && (await sha256OfFile(path)) === sha256;
}

/** Of an earlier build of the same folder: a bundle holds what was signed and nothing else. */
async function removeStrangers(folder: string, known: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    if (!known.has(path.slice(folder.length + 1).replaceAll("\\", "/"))) await rm(path, { force: true });
  }
}

const tooLarge = ({ note }: ChosenRelease, bytes: number, limit: number): ReleaseRefused =>
  new ReleaseRefused(
    "BUNDLE_TOO_LARGE",
    `${note.name} ${note.version} has ${bytes} bytes, more than the ${limit} this device takes; nothing was downloaded.`,
  );

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
