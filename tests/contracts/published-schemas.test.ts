import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { publishedSchemas } from "../../src/contracts/published-schemas.ts";

test.each([...publishedSchemas()])(
  "docs/schemas/%s is what the code validates (npm run schemas writes it)",
  (name, text) => {
    expect(readFileSync(new URL(`../../docs/schemas/${name}`, import.meta.url), "utf8")).toBe(text);
  },
);
