import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../../../src/hub/store/database.ts";

test("a database is made once, and opened again with its rows", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "sightline-hub-")), "hub.sqlite");
  const made = await openDatabase({ engine: "sqlite", path });
  await made.query
    .insertInto("audit")
    .values({ at: 1, actor: "hub", action: "start", subject: "", detail_json: "{}" })
    .execute();
  await made.close();
  const again = await openDatabase({ engine: "sqlite", path });
  expect(await again.query.selectFrom("audit").selectAll().execute()).toEqual([
    { row: 1, at: 1, actor: "hub", action: "start", subject: "", detail_json: "{}" },
  ]);
  await again.close();
});
