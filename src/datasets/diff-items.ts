import type { DatasetItem } from "../contracts/dataset.ts";
import { canonicalItem } from "./items.ts";

export interface ItemChange {
  readonly image: string;
  readonly before: DatasetItem;
  readonly after: DatasetItem;
  readonly fields: readonly ("label" | "boxes" | "part" | "metadata")[];
}

export interface DatasetDiff {
  readonly added: number;
  readonly removed: number;
  readonly unchanged: number;
  readonly changed: number;
  /** By class: images only before, only after. */
  readonly classes: readonly { readonly label: string; readonly added: number; readonly removed: number }[];
  readonly relabelled: readonly { readonly from: string; readonly to: string; readonly images: number }[];
  /** How many of the changed images differ in each field. */
  readonly fields: Readonly<Record<ItemChange["fields"][number], number>>;
  /** The first of each kind. */
  readonly examples: {
    readonly added: readonly DatasetItem[];
    readonly removed: readonly DatasetItem[];
    readonly changed: readonly ItemChange[];
  };
}

type Items = AsyncIterable<DatasetItem> | Iterable<DatasetItem>;

/** What became of a data set. Both lists in the order of `inItemOrder`; only the examples are kept in memory. */
export async function diffItems(before: Items, after: Items, mostExamples = 20): Promise<DatasetDiff> {
  const found = new DiffCount(mostExamples);
  const left = byImage(before);
  const right = byImage(after);
  let old = await left.next();
  let now = await right.next();
  while (old.done !== true || now.done !== true) {
    const oldImage = old.done === true ? null : old.value.image;
    const nowImage = now.done === true ? null : now.value.image;
    if (oldImage !== null && (nowImage === null || oldImage < nowImage)) {
      found.compare(old.value?.items ?? [], []);
      old = await left.next();
    } else if (nowImage !== null && (oldImage === null || nowImage < oldImage)) {
      found.compare([], now.value?.items ?? []);
      now = await right.next();
    } else {
      found.compare(old.value?.items ?? [], now.value?.items ?? []);
      old = await left.next();
      now = await right.next();
    }
  }
  return found.summary();
}

interface ImageItems {
  readonly image: string;
  readonly items: DatasetItem[];
}

/** Neighbours of the same image together. */
async function* byImage(items: Items): AsyncGenerator<ImageItems, undefined> {
  let current: ImageItems | undefined;
  for await (const item of items) {
    if (current?.image === item.image) {
      current.items.push(item);
      continue;
    }
    if (current !== undefined) yield current;
    current = { image: item.image, items: [item] };
  }
  if (current !== undefined) yield current;
  return undefined;
}

class DiffCount {
  #added = 0;
  #removed = 0;
  #unchanged = 0;
  #changed = 0;
  readonly #classes = new Map<string, { added: number; removed: number }>();
  readonly #relabelled = new Map<string, { from: string; to: string; images: number }>();
  readonly #fields = { label: 0, boxes: 0, part: 0, metadata: 0 };
  readonly #examples: { added: DatasetItem[]; removed: DatasetItem[]; changed: ItemChange[] } = {
    added: [],
    removed: [],
    changed: [],
  };
  readonly #mostExamples: number;

  constructor(mostExamples: number) {
    this.#mostExamples = mostExamples;
  }

  /** Items of one image. Equal ones cancel out, the others are paired in order. */
  compare(before: readonly DatasetItem[], after: readonly DatasetItem[]): void {
    const left = [...before];
    const right = after.filter((item) => {
      const twin = left.findIndex((other) => canonicalItem(other) === canonicalItem(item));
      if (twin >= 0) left.splice(twin, 1);
      return twin < 0;
    });
    this.#unchanged += after.length - right.length;
    for (const [index, old] of left.entries()) {
      const now = right[index];
      if (now === undefined) this.#remove(old);
      else this.#change(old, now);
    }
    for (const item of right.slice(left.length)) this.#add(item);
  }

  summary(): DatasetDiff {
    return {
      added: this.#added,
      removed: this.#removed,
      unchanged: this.#unchanged,
      changed: this.#changed,
      classes: [...this.#classes]
        .map(([label, counts]) => ({ label, ...counts }))
        .sort((one, other) => (one.label < other.label ? -1 : 1)),
      relabelled: [...this.#relabelled.values()].sort((one, other) => other.images - one.images),
      fields: this.#fields,
      examples: this.#examples,
    };
  }

  #add(item: DatasetItem): void {
    this.#added++;
    this.#countsOf(item.label).added++;
    this.#keep(this.#examples.added, item);
  }

  #remove(item: DatasetItem): void {
    this.#removed++;
    this.#countsOf(item.label).removed++;
    this.#keep(this.#examples.removed, item);
  }

  #change(before: DatasetItem, after: DatasetItem): void {
    const fields = (["label", "boxes", "part", "metadata"] as const).filter(
      (field) => canonicalItem({ ...before, [field]: after[field] }) !== canonicalItem(before),
    );
    this.#changed++;
    for (const field of fields) this.#fields[field]++;
    if (fields.includes("label")) {
      const key = JSON.stringify([before.label, after.label]);
      const count = this.#relabelled.get(key) ?? { from: before.label, to: after.label, images: 0 };
      count.images++;
      this.#relabelled.set(key, count);
    }
    this.#keep(this.#examples.changed, { image: before.image, before, after, fields });
  }

  #countsOf(label: string): { added: number; removed: number } {
    const counts = this.#classes.get(label) ?? { added: 0, removed: 0 };
    this.#classes.set(label, counts);
    return counts;
  }

  #keep<T>(examples: T[], example: T): void {
    if (examples.length < this.#mostExamples) examples.push(example);
  }
}
