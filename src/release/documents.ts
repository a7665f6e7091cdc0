import { z } from "zod";

/**
 * What is signed about a release, and where it is found. Paths are those of The Update Framework's targets: in the
 * catalogue `models/PRODUCT/NAME/VERSION/FILE`, in the director `orders/device/DEVICE/PRODUCT` or
 * `orders/line/LINE/PRODUCT`.
 */

/** Also the name of a delegated role and part of a path pattern: nothing that means something there. */
export const ProductName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "use lower-case letters, digits and dashes, at most 64");

/** In which a device tries the release: beside the active model, in some devices, in all. */
export const ReleaseStage = z.enum(["shadow", "canary", "fleet"]);
export type ReleaseStage = z.infer<typeof ReleaseStage>;

/** Counters are integers that only rise. The limit keeps them exact in every JSON reader. */
const Counter = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const BundleName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);
const BundleVersion = z.string().regex(/^\d+\.\d+\.\d+$/);
export const ReleaseReason = z.string().min(1).max(500);

/** `custom` of the target of a bundle's manifest.json, signed by the product's keys. */
export const ReleaseNote = z.object({
  schema: z.literal(1),
  product: ProductName,
  name: BundleName,
  version: BundleVersion,
  /** Of the product; going back to old files is a new release with a higher number. */
  release: Counter,
  /** Lines it is for; `*` is every line. */
  lines: z.array(z.string().min(1).max(200)).min(1).max(1000),
  reason: ReleaseReason,
});
export type ReleaseNote = z.infer<typeof ReleaseNote>;

/** `custom` of an order of the director, signed by the hub's key. Its hash and length are those of the manifest. */
export const ReleaseOrder = z.object({
  schema: z.literal(1),
  /** Path of the manifest in the catalogue. */
  target: z.string().min(1).max(400),
  stage: ReleaseStage,
  /** Of the whole director; the newest of the orders for a device and its line counts. */
  order: Counter,
  orderedAt: z.iso.datetime(),
});
export type ReleaseOrder = z.infer<typeof ReleaseOrder>;

export const MANIFEST_FILE = "manifest.json";
/** Every device of every line. */
export const EVERY_LINE = "*";

export const productRole = (product: string): string => `product-${product}`;

/** Patterns match segment by segment, so each depth needs its own: files of the bundle and of one folder in it. */
export const productPaths = (product: string): string[] => [`models/${product}/*/*/*`, `models/${product}/*/*/*/*`];

export const bundlePath = (product: string, name: string, version: string): string =>
  `models/${product}/${name}/${version}`;

/** Null where `path` is no manifest of a bundle. */
export function readManifestPath(path: string): { product: string; name: string; version: string } | null {
  const [folder, product, name, version, file, ...rest] = path.split("/");
  if (folder !== "models" || file !== MANIFEST_FILE || rest.length > 0) return null;
  const parsed = z.object({ product: ProductName, name: BundleName, version: BundleVersion });
  return parsed.safeParse({ product, name, version }).data ?? null;
}

/** Whom an order is for. A line's name may hold slashes (`enterprise/site/area/line`). */
export interface Addressee {
  readonly kind: "device" | "line";
  readonly name: string;
}

export const orderPath = ({ kind, name }: Addressee, product: string): string =>
  `orders/${kind}/${encodeURIComponent(name)}/${product}`;

/** Null where `path` is no order. */
export function readOrderPath(path: string): { to: Addressee; product: string } | null {
  const [folder, kind, name, product, ...rest] = path.split("/");
  if (folder !== "orders" || (kind !== "device" && kind !== "line") || rest.length > 0) return null;
  if (name === undefined || product === undefined) return null;
  return { to: { kind, name: decodeURIComponent(name) }, product };
}

/** A name of a file inside a bundle: plain segments, none of them hidden, at most one folder deep. */
export function isBundleFileName(name: string): boolean {
  const segments = name.split("/");
  return segments.length <= 2 && segments.every((segment) => /^\w[\w.-]{0,127}$/.test(segment));
}

/** Where a target lies below `targets/`: files carry their hash, so that a new publication never changes an old file. */
export function storedTargetPath(path: string, sha256: string): string {
  const slash = path.lastIndexOf("/") + 1;
  return `${path.slice(0, slash)}${sha256}.${path.slice(slash)}`;
}
