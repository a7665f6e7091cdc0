// Writes docs/schemas/ from src/contracts. `npm run schemas`; a test keeps the two equal.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publishedSchemas } from "../src/contracts/published-schemas.ts";

const folder = fileURLToPath(new URL("../docs/schemas", import.meta.url));
for (const [name, text] of publishedSchemas()) writeFileSync(join(folder, name), text);
