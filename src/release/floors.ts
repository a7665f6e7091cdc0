import { z } from "zod";
import { ReleaseStage } from "./documents.ts";

/**
 * What a device remembers so that nothing it has seen can be taken back: the lower bound of time, the newest order and
 * the newest release of each product. Floors that rest on online keys carry the ids of those keys: when the offline root
 * replaces the keys the floor falls, or a thief who had raised it to the end of time would have frozen the device for
 * good (recovery from a fast-forward attack, TUF 5.3.11).
 */
const KeyIds = z.array(z.string());

export const InstalledRelease = z.strictObject({
  product: z.string(),
  name: z.string(),
  version: z.string(),
  release: z.int().nonnegative(),
  stage: ReleaseStage,
  order: z.int().nonnegative(),
  reason: z.string(),
  manifestSha256: z.string(),
});
export type InstalledRelease = z.infer<typeof InstalledRelease>;

export const Floors = z.strictObject({
  schema: z.literal(1),
  time: z.strictObject({ at: z.int().nonnegative().describe("ms since 1970"), keys: KeyIds }),
  orderKeys: KeyIds,
  installed: z.record(z.string(), InstalledRelease),
});
export type Floors = z.infer<typeof Floors>;

export const NO_FLOORS: Floors = { schema: 1, time: { at: 0, keys: [] }, orderKeys: [], installed: {} };

const same = (left: readonly string[], right: readonly string[]): boolean => left.join() === right.join();

/** Ms since 1970 below which no clock is believed. `keys` are the online keys of today. */
export const timeFloor = (floors: Floors, keys: readonly string[]): number =>
  same(floors.time.keys, keys) ? floors.time.at : 0;

/** The number of the last order carried out for `product`; 0 where the director has got other keys since. */
export const orderFloor = (floors: Floors, product: string, directorKeys: readonly string[]): number =>
  same(floors.orderKeys, directorKeys) ? (floors.installed[product]?.order ?? 0) : 0;

export const releaseFloor = (floors: Floors, product: string): number => floors.installed[product]?.release ?? 0;

export function withTime(floors: Floors, at: number, keys: readonly string[]): Floors {
  return { ...floors, time: { at: Math.max(timeFloor(floors, keys), at), keys: [...keys] } };
}

/** Orders of other products were numbered under the former keys: they fall with them. */
export function withInstalled(floors: Floors, release: InstalledRelease, directorKeys: readonly string[]): Floors {
  const others = same(floors.orderKeys, directorKeys)
    ? floors.installed
    : Object.fromEntries(Object.entries(floors.installed).map(([product, each]) => [product, { ...each, order: 0 }]));
  return { ...floors, orderKeys: [...directorKeys], installed: { ...others, [release.product]: release } };
}

/** Raises the floors of releases to what lies installed on the disk, should the floors themselves have been lost. */
export function withReceipts(floors: Floors, receipts: readonly InstalledRelease[]): Floors {
  const installed = { ...floors.installed };
  for (const receipt of receipts) {
    if (receipt.release > (installed[receipt.product]?.release ?? 0)) {
      installed[receipt.product] = { ...receipt, order: installed[receipt.product]?.order ?? 0 };
    }
  }
  return { ...floors, installed };
}
