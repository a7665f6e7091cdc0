import { seededRandom, shuffle } from "../platform/random.ts";

export const SEARCH_HALF = 0;
export const CHECK_HALF = 1;

/**
 * SEARCH_HALF or CHECK_HALF for every item: all items of a group on one side, about as many items on each; by chance, so that
 * neither half is the earlier one.
 */
export function halvesByGroup(items: readonly { readonly group: string }[], seed: number): Uint8Array {
  const members = new Map<string, number>();
  for (const { group } of items) members.set(group, (members.get(group) ?? 0) + 1);
  const groups = shuffle([...members.keys()].sort(), seededRandom(seed));
  const halfOf = new Map<string, number>();
  let [searched, checked] = [0, 0];
  for (const group of groups) {
    const count = members.get(group) ?? 0;
    if (searched <= checked) {
      halfOf.set(group, SEARCH_HALF);
      searched += count;
    } else {
      halfOf.set(group, CHECK_HALF);
      checked += count;
    }
  }
  return Uint8Array.from(items, ({ group }) => halfOf.get(group) ?? SEARCH_HALF);
}

/**
 * How many items count as one independent one (Rao & Scott 1992), at least 1: frames of one part are wrong together, and
 * counting them one by one would find slices in noise. From the spread of the errors between groups over all data.
 */
export function designEffect(items: readonly { readonly group: string; readonly wrong: boolean }[]): number {
  const count = items.length;
  const share = items.filter(({ wrong }) => wrong).length / count;
  const groups = new Map<string, { size: number; wrong: number }>();
  for (const { group, wrong } of items) {
    const entry = groups.get(group) ?? { size: 0, wrong: 0 };
    groups.set(group, { size: entry.size + 1, wrong: entry.wrong + (wrong ? 1 : 0) });
  }
  const independent = share * (1 - share) * count;
  if (groups.size === count || groups.size < 2 || independent === 0) return 1;
  let spread = 0;
  for (const { size, wrong } of groups.values()) spread += (wrong - share * size) ** 2;
  return Math.max(1, ((groups.size / (groups.size - 1)) * spread) / independent);
}
