import type { WallClockMs } from "../../platform/clock.ts";
import { FolderStore } from "./folder-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { type S3Settings, S3Store } from "./s3-store.ts";

/** Where the hub keeps its images. */
export type ObjectStoreSettings =
  { readonly kind: "folder"; readonly path: string } | ({ readonly kind: "s3" } & S3Settings);

export interface OpenObjectStore {
  readonly store: ObjectStore;
  close(): void;
}

/** Older parts are of a hub that is gone. */
const PART_AGE_MS = 3_600_000;

/** `now` is compared with times on the disk. */
export async function openObjectStore(settings: ObjectStoreSettings, now: WallClockMs): Promise<OpenObjectStore> {
  if (settings.kind === "s3") {
    const store = new S3Store(settings);
    return { store, close: () => store.close() };
  }
  const store = new FolderStore(settings.path);
  await store.removeParts(now - PART_AGE_MS);
  return { store, close: () => undefined };
}
