// Checks for releases over and over, until it is killed. Arguments: URL, device folder, repository folder.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { ReleaseClient } from "../../../src/release/release-client.ts";

const [url = "", directoryPath = "", repositoryPath = "", device = "", line = "", product = ""] = process.argv.slice(2);
const root = (name: string): Uint8Array => readFileSync(join(repositoryPath, name, "metadata/1.root.json"));
const client = new ReleaseClient({
  clock: systemClock,
  url,
  directoryPath,
  birthRoots: { catalogue: root("catalogue"), director: root("director") },
  device,
  line,
});
for (;;) {
  process.stdout.write("checking\n");
  const result = await client.check(product);
  if (result.outcome === "refused") process.stdout.write(`${result.code}: ${result.sentence}\n`);
}
