import { rm, symlink, writeFile, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SightlineError } from "../../../src/contracts/errors.ts";
import { openBundle } from "../../../src/pipeline/infer/open-bundle.ts";
import { editedBundle } from "./edited-bundle.ts";
import { TINY_BUNDLE } from "./tiny-bundle-path.ts";

/** The sentence with which a bundle is refused. */
async function refusal(directoryPath: string): Promise<string> {
  const error = await openBundle(directoryPath).then(
    () => new Error("the bundle was taken"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SightlineError)) throw error;
  expect(error.code).toBe("BUNDLE_INVALID");
  return error.detail;
}

describe("openBundle", () => {
  it("takes an intact bundle and names the model by the hash of its graph", async () => {
    const bundle = await openBundle(TINY_BUNDLE);
    expect(bundle.manifest.name).toBe("tiny");
    expect(bundle.modelSha256).toBe(bundle.manifest.files["model.onnx"]?.sha256);
    expect(bundle.directoryPath).toBe(TINY_BUNDLE);
  });

  it("refuses a model with one flipped bit, wherever it is", async () => {
    for (const share of [0, 0.3, 0.999]) {
      const directoryPath = await editedBundle();
      const path = join(directoryPath, "model.onnx");
      const bytes = await readFile(path);
      const at = Math.floor(bytes.length * share);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0b100, at);
      await writeFile(path, bytes);
      expect(await refusal(directoryPath)).toMatch(/model\.onnx has SHA-256 [0-9a-f]{64} instead of/);
    }
  });

  it("refuses a truncated model by its size", async () => {
    const directoryPath = await editedBundle();
    await truncate(join(directoryPath, "model.onnx"), 700);
    expect(await refusal(directoryPath)).toMatch(/model\.onnx is 700 bytes long instead of the \d+ in the manifest/);
  });

  it("refuses a bundle whose files are not there", async () => {
    const withoutGolden = await editedBundle();
    await rm(join(withoutGolden, "golden/good.png"));
    expect(await refusal(withoutGolden)).toMatch(/golden\/good\.png cannot be read: ENOENT/);
    expect(await refusal("/nowhere/at/all")).toMatch(/\/nowhere\/at\/all\/manifest\.json cannot be read: ENOENT/);
  });

  it("refuses names that lead out of the bundle, before it reads any file", async () => {
    for (const name of ["../secret", "/etc/passwd", "golden/../../x", "a\\b", "C:evil", "a//b", ""]) {
      const directoryPath = await editedBundle({
        manifest: ({ files }) => {
          files[name] = { sha256: "0".repeat(64), bytes: 1 };
        },
      });
      expect(await refusal(directoryPath)).toContain(`lists ${JSON.stringify(name)}, which is not a name inside`);
    }
  });

  it("refuses a link in place of a file", async () => {
    const directoryPath = await editedBundle();
    const path = join(directoryPath, "golden/good.png");
    await rm(path);
    await symlink(join(TINY_BUNDLE, "golden/good.png"), path);
    expect(await refusal(directoryPath)).toMatch(/good\.png is not a regular file/);
  });

  it("refuses a manifest that is no JSON or does not fit the schema, and says where", async () => {
    const broken = await editedBundle();
    await writeFile(join(broken, "manifest.json"), "{");
    expect(await refusal(broken)).toMatch(/manifest\.json is not JSON/);
    const misfit = await editedBundle({ manifest: (manifest) => (manifest.input.width = 3) });
    expect(await refusal(misfit)).toMatch(/manifest\.json does not fit the bundle schema at input\.width/);
  });

  it("refuses classes among which nothing is good, nothing is a defect, or a name comes twice", async () => {
    const kinds = (kind: "good" | "defect") =>
      editedBundle({
        manifest: ({ classes }) => classes.forEach((each) => (each.kind = kind)),
      });
    expect(await refusal(await kinds("defect"))).toMatch(/has no class of kind good/);
    expect(await refusal(await kinds("good"))).toMatch(/has no class of kind defect/);
    const twice = await editedBundle({ manifest: ({ classes }) => classes.push({ name: "good", kind: "good" }) });
    expect(await refusal(twice)).toMatch(/names the class good twice/);
  });

  it("refuses a manifest that does not list the model", async () => {
    const directoryPath = await editedBundle({ manifest: ({ files }) => delete files["model.onnx"] });
    expect(await refusal(directoryPath)).toMatch(/manifest\.json does not list model\.onnx/);
  });

  it("refuses golden frames that are not listed or not scored for every class", async () => {
    const unlisted = await editedBundle({ manifest: ({ files }) => delete files["golden/good.png"] });
    expect(await refusal(unlisted)).toMatch(/golden\/good\.png but does not list that file/);
    const unscored = await editedBundle({
      manifest: ({ golden }) => {
        for (const frame of golden) delete frame.scores["dark-spot"];
      },
    });
    expect(await refusal(unscored)).toMatch(/scores golden\/good\.png for bright-spot, good instead of/);
  });
});
