import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { type Database, type DatabaseSettings, openDatabase } from "../../../src/hub/store/database.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "./postgres.ts";

export interface Engine {
  /** Where a new, empty database is. */
  emptyDatabase(): DatabaseSettings;
  /** The same, opened; closed after the tests. */
  open(): Promise<Database>;
}

/** The same tests on SQLite and on a real PostgreSQL; there they are skipped where none is installed. */
export function onBothEngines(body: (engine: Engine) => void): void {
  describe("on SQLite", () => {
    const folder = mkdtempSync(join(tmpdir(), "sightline-hub-"));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    body(engineOf((at) => ({ engine: "sqlite", path: join(folder, `${at}.sqlite`) })));
  });
  const name = hasPostgres ? "on PostgreSQL" : "on PostgreSQL (skipped: apt-get install postgresql)";
  describe.skipIf(!hasPostgres)(name, () => {
    let server: PostgresServer | undefined;
    beforeAll(async () => void (server = await startPostgres()));
    afterAll(() => server?.stop());
    body(
      engineOf((at) => {
        if (server === undefined) throw new Error("ask for a database within a test");
        return { engine: "postgres", url: server.createDatabase(`hub_${at}`), connections: 4 };
      }),
    );
  });
}

function engineOf(settingsOf: (at: number) => DatabaseSettings): Engine {
  const opened: Database[] = [];
  let made = 0;
  afterAll(async () => {
    for (const database of opened) await database.close();
  });
  return {
    emptyDatabase: () => settingsOf(made++),
    async open() {
      const database = await openDatabase(settingsOf(made++));
      opened.push(database);
      return database;
    },
  };
}
