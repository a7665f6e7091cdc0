import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeModel, encodeModel } from "../../src/onnx/model-file.ts";
import { openBundle } from "../../src/pipeline/infer/open-bundle.ts";
import { bundleFile, readBundle, rewriteBundle } from "../../src/training/edit-bundle.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { replaceSection } from "../../src/training/replace-section.ts";
import { TINY_BUNDLE } from "./spotted-parts.ts";

const runtime = new OnnxProcess();
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-edit-"));
  runtime.start();
});
afterAll(async () => {
  await runtime.stop();
  await rm(folder, { recursive: true, force: true });
});

test("another model gets its own golden scores, and what stays with the hub stays unlisted", async () => {
  const path = join(folder, "tiny");
  await cp(TINY_BUNDLE, path, { recursive: true });
  await writeFile(join(path, "training-files.txt"), `${"0".repeat(64)}\n`);
  const bundle = await readBundle(path);
  const model = decodeModel(bundleFile(bundle, "model.onnx"));
  model.producerName = "another";
  const bytes = encodeModel(model);
  await rewriteBundle(
    path,
    bundle,
    { model: bytes, checkpoint: bytes, metrics: { tried: 1 }, card: [{ heading: "Calibration", text: "Done." }] },
    runtime,
  );
  const { manifest } = await openBundle(path);
  manifest.golden.forEach(({ scores }, index) => {
    for (const [name, score] of Object.entries(bundle.manifest.golden[index]?.scores ?? {})) {
      expect(scores[name]).toBeCloseTo(score, 3);
    }
  });
  expect(manifest.provenance.metrics).toEqual({ tried: 1 });
  expect(Object.keys(manifest.files)).not.toContain("training-files.txt");
  expect([...(await readBundle(path)).files.keys()]).toEqual(
    expect.arrayContaining(["checkpoint.onnx", "training-files.txt", "MODEL_CARD.md"]),
  );
  expect(await readFile(join(path, "MODEL_CARD.md"), "utf8")).toBe("# tiny 1.0.0\n\n## Calibration\n\nDone.\n");
});

test("a bundle that was changed by hand is refused with the file's name", async () => {
  const path = join(folder, "broken");
  await cp(TINY_BUNDLE, path, { recursive: true });
  await writeFile(join(path, "golden/good.png"), "changed");
  await expect(readBundle(path)).rejects.toThrow("golden/good.png");
});

test("a section of the card is replaced by its heading and nothing else moves", () => {
  const card = "# m\n\nintro\n\n## A\n\nold\n\n### inner\n\nx\n\n## B\n\nlast\n";
  expect(replaceSection(card, { heading: "A", text: "new" })).toBe("# m\n\nintro\n\n## A\n\nnew\n\n## B\n\nlast\n");
  expect(replaceSection(card, { heading: "B", text: "new" })).toContain("x\n\n## B\n\nnew\n");
});
