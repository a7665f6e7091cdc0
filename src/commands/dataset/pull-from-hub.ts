import { mkdir, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatasetCasesReply, type DatasetItem } from "../../contracts/dataset.ts";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { itemsFromList } from "../../datasets/canonical-lines.ts";
import type { DataFolder, LabelledImage, RefusedFile } from "../../datasets/data-folder.ts";
import { requireEmpty } from "../../datasets/write-dataset.ts";
import { runTogether } from "../../platform/run-together.ts";
import { type HubAccess, HubClient } from "./hub-client.ts";

export type PullWish = HubAccess & {
  readonly outPath: string;
  readonly onProgress: (stage: string, done: number, total: number) => void;
} & ({ readonly version: string } | { readonly filter: string });

const IMAGES_AT_ONCE = 4;
const PAGE = 500;
const ENDINGS: Readonly<Record<string, string>> = { "image/png": ".png", "image/jpeg": ".jpg" };

/**
 * Fetches items and images into a folder beside `outPath`, hands them to `write` as a data folder and removes them again. What
 * an interrupted pull has fetched is not fetched a second time. Throws SightlineError USAGE, DATA_INVALID (`outPath` holds
 * something), HUB_UNREACHABLE or HUB_REFUSES.
 */
export async function pullFromHub(wish: PullWish, write: (folder: DataFolder) => Promise<number>): Promise<number> {
  await requireEmpty(wish.outPath);
  const hub = new HubClient(wish);
  const items = "version" in wish ? await versionItems(hub, wish.version) : await filteredItems(hub, wish);
  const folderPath = `${wish.outPath}.download`;
  await mkdir(folderPath, { recursive: true });
  const refused: RefusedFile[] = [];
  const fileOf = await fetchImages(hub, items, { ...wish, folderPath, refused });
  const images = items.flatMap((item): LabelledImage[] => {
    const file = fileOf.get(item.image);
    return file === undefined ? [] : [imageOf(item, file, folderPath)];
  });
  const columns = ["part", ...new Set(images.flatMap(({ metadata }) => Object.keys(metadata)))];
  const code = await write({ path: folderPath, images, columns: [...new Set(columns)], refused });
  await rm(folderPath, { recursive: true, force: true });
  return code;
}

async function versionItems(hub: HubClient, version: string): Promise<DatasetItem[]> {
  if (!/^[0-9a-f]{64}$/.test(version)) {
    throw new SightlineError("USAGE", `--version ${version}: use the 64 hexadecimal digits that the hub shows`);
  }
  return hub.read(`/api/v1/datasets/${version}/export`, async (bytes) => {
    const items: DatasetItem[] = [];
    for await (const item of itemsFromList(bytes, version)) items.push(item);
    return items;
  });
}

async function filteredItems(
  hub: HubClient,
  { filter, onProgress }: { readonly filter: string; readonly onProgress: PullWish["onProgress"] },
): Promise<DatasetItem[]> {
  try {
    JSON.parse(filter);
  } catch (error) {
    throw new SightlineError("USAGE", `--filter is not JSON (${messageOf(error)})`, { cause: error });
  }
  const items: DatasetItem[] = [];
  let afterRow = 0;
  for (;;) {
    const query = new URLSearchParams({ filter, limit: String(PAGE), afterRow: String(afterRow) });
    const page = DatasetCasesReply.parse(await hub.json(`/api/v1/datasets/cases?${query.toString()}`));
    items.push(...page.items);
    onProgress("finding cases", items.length, page.nextAfterRow === null ? items.length : items.length + 1);
    if (page.nextAfterRow === null) return items;
    afterRow = page.nextAfterRow;
  }
}

/** The file of every image that could be fetched. */
async function fetchImages(
  hub: HubClient,
  items: readonly DatasetItem[],
  {
    folderPath,
    refused,
    onProgress,
  }: Pick<PullWish, "onProgress"> & { readonly folderPath: string; readonly refused: RefusedFile[] },
): Promise<Map<string, string>> {
  const wanted = [...new Set(items.map(({ image }) => image))];
  const fileOf = new Map<string, string>();
  let done = 0;
  await runTogether(wanted, IMAGES_AT_ONCE, async (image) => {
    const fetched = Object.values(ENDINGS).find((ending) => existsSync(join(folderPath, image + ending)));
    if (fetched !== undefined) fileOf.set(image, image + fetched);
    else {
      try {
        fileOf.set(image, await fetchImage(hub, image, folderPath));
      } catch (error) {
        // One image that is gone must not cost the others; a hub that is gone must.
        if (!(error instanceof SightlineError) || error.code !== "HUB_REFUSES") throw error;
        refused.push({ file: image, reason: error.detail });
      }
    }
    onProgress("fetching images", ++done, wanted.length);
  });
  return fileOf;
}

async function fetchImage(hub: HubClient, image: string, folderPath: string): Promise<string> {
  const path = join(folderPath, image);
  const mediaType = await hub.download(`/api/v1/datasets/images/${image}`, path, image);
  const file = `${image}${ENDINGS[mediaType.split(";")[0] ?? ""] ?? ".png"}`;
  await rename(path, join(folderPath, file));
  return file;
}

const imageOf = (
  { image: _image, boxes, label, metadata, part }: DatasetItem,
  file: string,
  folderPath: string,
): LabelledImage => ({
  path: join(folderPath, file),
  file,
  label,
  metadata: { part, ...metadata },
  boxes: boxes?.map(([name, xPx, yPx, widthPx, heightPx]) => ({ label: name, xPx, yPx, widthPx, heightPx })) ?? null,
  maskPath: null,
});
