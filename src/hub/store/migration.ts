import type { QueryExecutorProvider } from "kysely";

export type Engine = "sqlite" | "postgres";

/** A step that is run once, in order, in a transaction of its own; never changed after a release. */
export interface Migration {
  readonly name: string;
  readonly up: (database: QueryExecutorProvider, engine: Engine) => Promise<void>;
}

/** Types that the engines name differently. */
export function types(engine: Engine): {
  bytes: string;
  integer: string;
  real: string;
  counter: string;
  /** Rows lie in the order of the primary key, without a second copy as an index. */
  clustered: string;
} {
  return engine === "sqlite"
    ? { bytes: "BLOB", integer: "INTEGER", real: "REAL", counter: "INTEGER PRIMARY KEY", clustered: " WITHOUT ROWID" }
    : {
        bytes: "BYTEA",
        integer: "BIGINT",
        real: "DOUBLE PRECISION",
        counter: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        clustered: "",
      };
}
