import { fileURLToPath } from "node:url";

export const TINY_BUNDLE = fileURLToPath(new URL("../../fixtures/tiny-bundle", import.meta.url));
