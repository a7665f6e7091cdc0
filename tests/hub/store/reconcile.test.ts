import { createHash } from "node:crypto";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { FolderStore } from "../../../src/hub/store/folder-store.ts";
import { reconcile } from "../../../src/hub/store/reconcile.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { onBothEngines } from "../support/both-engines.ts";

const folder = await mkdtemp(join(tmpdir(), "sightline-reconcile-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

onBothEngines((engine) => {
  test("rows and files are compared both ways", async () => {
    const database = await engine.open();
    const root = await mkdtemp(join(folder, "store-"));
    const store = new FolderStore(root);
    const put = async (text: string): Promise<string> => {
      const path = join(folder, "incoming");
      await writeFile(path, text);
      const sha256 = createHash("sha256").update(text).digest("hex");
      await store.put({ path, bytes: text.length, sha256 });
      return sha256;
    };
    const age = (sha256: string): Promise<void> =>
      utimes(join(root, sha256.slice(0, 2), sha256.slice(2, 4), sha256), 1, 1);
    const name = (sha256: string): Promise<unknown> =>
      database.query
        .insertInto("images")
        .values({ sha256, bytes: 1, media_type: "image/png", width_px: 1, height_px: 1, stored_at: 1, device_id: null })
        .execute();
    for (const text of ["a", "b", "c", "d", "e"]) {
      const sha256 = await put(text);
      await name(sha256);
      await age(sha256);
    }
    const orphan = await put("nobody's");
    await age(orphan);
    await put("row on its way");
    const lost = createHash("sha256").update("lost").digest("hex");
    await name(lost);
    const run = () => reconcile({ database, store, clock: systemClock, signal: new AbortController().signal });
    expect(await run()).toEqual({ removed: [orphan], young: 1, missing: [lost], found: [], images: 6 });
    expect(await store.has(orphan)).toBe(false);
    const marked = () =>
      database.query.selectFrom("images").select("sha256").where("missing_since", "is not", null).execute();
    expect(await marked()).toEqual([{ sha256: lost }]);
    expect(await run()).toMatchObject({ removed: [], missing: [] });
    await put("lost");
    expect(await run()).toMatchObject({ found: [lost], missing: [] });
    expect(await marked()).toEqual([]);
  });
});
