import { copyFile, mkdir, readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Metadata, TargetFile, Targets } from "@tufjs/models";
import { SightlineError } from "../contracts/errors.ts";
import { BundleManifest } from "../contracts/model-bundle.ts";
import { syncDirectory, syncFile } from "../platform/durable-file.ts";
import {
  bundlePath,
  isBundleFileName,
  MANIFEST_FILE,
  productRole,
  ReleaseNote,
  readManifestPath,
  storedTargetPath,
} from "./documents.ts";
import { sha256OfFile } from "./download-file.ts";
import { exclusively } from "./exclusively.ts";
import { isoAfterDays, stageSigned, upcomingTargets, SPEC_VERSION } from "./pending.ts";
import type { RepositoryFolder, RoleName } from "./repository-folder.ts";
import { readOrders, releasesOf } from "./read-targets.ts";
import type { SigningKey } from "./signing-keys.ts";

export interface SignTerms {
  readonly folder: RepositoryFolder;
  readonly product: string;
  readonly lines: readonly string[];
  readonly reason: string;
  readonly keys: readonly SigningKey[];
  /** Ms since 1970. */
  readonly now: number;
}

export interface ReleasedVersion {
  readonly name: string | undefined;
  readonly version: string;
}

/** A release in the product's role, staged. `signers` are the names of the keys that signed it now. */
export interface StagedRelease {
  readonly note: ReleaseNote;
  readonly signers: readonly string[];
  readonly files: number;
  readonly bytes: number;
}

/** Puts a bundle's files into the catalogue and signs them as a new release of the product. */
export const signBundle = (bundle: string, terms: SignTerms): Promise<StagedRelease> =>
  exclusively(terms.folder, () => addBundle(bundle, terms));

async function addBundle(bundle: string, terms: SignTerms): Promise<StagedRelease> {
  const { folder, product } = terms;
  const manifestPath = join(bundle, MANIFEST_FILE);
  const manifest = await readManifest(manifestPath);
  const base = bundlePath(product, manifest.name, manifest.version);
  const targets: TargetFile[] = [];
  const current = await productTargets(folder, product);
  for (const [name, listed] of [...Object.entries(manifest.files), [MANIFEST_FILE, null] as const]) {
    if (!isBundleFileName(name)) throw refused(`${bundle}: ${name} is no name that a released file may have`);
    const path = join(bundle, name);
    const { size } = await stat(path).catch(() => {
      throw refused(`${path} is listed in the manifest but not there`);
    });
    const sha256 = await sha256OfFile(path);
    if (listed !== null && (listed.sha256 !== sha256 || listed.bytes !== size)) {
      throw refused(`${path} is not the file that its manifest lists: it was changed since the bundle was written`);
    }
    targets.push(targetOf(`${base}/${name}`, size, sha256));
    await store(path, join(folder.targetsPath, storedTargetPath(`${base}/${name}`, sha256)), sha256);
  }
  const before = current.signed.targets[`${base}/${MANIFEST_FILE}`];
  const manifestTarget = targets.at(-1);
  if (before !== undefined && before.hashes["sha256"] !== manifestTarget?.hashes["sha256"]) {
    throw refused(
      `${manifest.name} ${manifest.version} was released with other content; give the bundle a new version`,
    );
  }
  const note = noteOf(current.signed, terms, manifest.name, manifest.version);
  const signers = await stageRelease(terms, current.signed, targets, note);
  return { note, signers, files: targets.length, bytes: targets.reduce((sum, { length }) => sum + length, 0) };
}

/** Going back is a forward release: the old files under a new, higher number, with a signed reason. */
export const signRollback = (to: ReleasedVersion, terms: SignTerms): Promise<StagedRelease> =>
  exclusively(terms.folder, () => goBack(to, terms));

async function goBack(to: ReleasedVersion, terms: SignTerms): Promise<StagedRelease> {
  const current = await productTargets(terms.folder, terms.product);
  const found = Object.values(current.signed.targets).filter((target) => {
    const named = readManifestPath(target.path);
    return named?.version === to.version && (to.name === undefined || named.name === to.name);
  });
  const [target, another] = found;
  if (target === undefined) throw refused(`no version ${to.version} of ${terms.product} was ever released`);
  if (another !== undefined)
    throw refused(`several models of ${terms.product} have a version ${to.version}; give --name`);
  const named = readManifestPath(target.path);
  const lines = terms.lines.length > 0 ? terms.lines : ReleaseNote.parse(target.custom).lines;
  const note = noteOf(current.signed, { ...terms, lines }, named?.name ?? "", to.version);
  const again = targetOf(target.path, target.length, target.hashes["sha256"] ?? "");
  const signers = await stageRelease(terms, current.signed, [again], note);
  return { note, signers, files: 0, bytes: 0 };
}

async function productTargets(folder: RepositoryFolder, product: string): Promise<Metadata<Targets>> {
  const current = await upcomingTargets(folder, roleOf(product));
  if (current !== null) return current;
  throw new SightlineError(
    "USAGE",
    `there is no product ${product} in ${folder.path}; make its keys with \`sightline release keys --product ${product}\``,
  );
}

const roleOf = (product: string): RoleName => ({ repository: "catalogue", role: productRole(product) });

function noteOf(targets: Targets, terms: SignTerms, name: string, version: string): ReleaseNote {
  const parsed = ReleaseNote.safeParse({
    schema: 1,
    product: terms.product,
    name,
    version,
    release: (releasesOf(targets).at(-1)?.note.release ?? 0) + 1,
    lines: terms.lines,
    reason: terms.reason,
  });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new SightlineError("USAGE", `the release cannot be described: ${issue?.path.join(".")} ${issue?.message}`);
}

async function stageRelease(
  { folder, product, keys, now }: SignTerms,
  current: Targets,
  targets: readonly TargetFile[],
  note: ReleaseNote,
): Promise<string[]> {
  const published = await folder.targets(roleOf(product));
  const { days } = await folder.policy();
  const kept = await keptTargets(folder, product, current);
  const next = new Targets({
    specVersion: SPEC_VERSION,
    version: (published?.signed.version ?? 0) + 1,
    expires: isoAfterDays(now, days.product),
    targets: kept,
    unrecognizedFields: current.unrecognizedFields,
  });
  for (const target of targets) {
    const isManifest = readManifestPath(target.path) !== null;
    next.addTarget(isManifest ? targetOf(target.path, target.length, target.hashes["sha256"] ?? "", note) : target);
  }
  return stageSigned(folder, roleOf(product), new Metadata(next), keys);
}

/** Verifying takes time by the square of the number of targets (tuf-js), so old releases leave what is signed. */
const KEPT_RELEASES = 24;

/** Without releases older than the newest ones that nobody is ordered to run; their files stay where they are. */
async function keptTargets(
  folder: RepositoryFolder,
  product: string,
  current: Targets,
): Promise<Record<string, TargetFile>> {
  const director = await folder.targets({ repository: "director", role: "targets" });
  const ordered = new Set(director === null ? [] : readOrders(director.signed).map(({ order }) => order.target));
  const gone = releasesOf(current)
    .slice(0, -KEPT_RELEASES)
    .filter(({ manifest }) => !ordered.has(manifest.path))
    .map(({ note }) => `${bundlePath(product, note.name, note.version)}/`);
  const targets = Object.entries(current.targets);
  return Object.fromEntries(targets.filter(([path]) => !gone.some((base) => path.startsWith(base))));
}

const targetOf = (path: string, length: number, sha256: string, custom?: object): TargetFile =>
  new TargetFile({
    path,
    length,
    hashes: { sha256 },
    ...(custom === undefined ? {} : { unrecognizedFields: { custom: JSON.parse(JSON.stringify(custom)) } }),
  });

async function readManifest(path: string): Promise<BundleManifest> {
  const text = await readFile(path, "utf8").catch(() => {
    throw refused(`${path} cannot be read; --bundle takes the folder of a model bundle`);
  });
  const parsed = BundleManifest.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw refused(`${path} at ${issue?.path.join(".")}: ${issue?.message}`);
}

/** A stored file has its hash in its name, so one that is there is the same; a torn one is written anew. */
async function store(from: string, to: string, sha256: string): Promise<void> {
  const there = await sha256OfFile(to).catch(() => "");
  if (there === sha256) return;
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, `${to}.part`);
  await syncFile(`${to}.part`);
  await rename(`${to}.part`, to);
  await syncDirectory(dirname(to));
}

const refused = (what: string): SightlineError => new SightlineError("BUNDLE_INVALID", what);
