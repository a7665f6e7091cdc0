// Compiles the AssemblyScript kernels to build/*.wasm. Run by the build; takes a few seconds.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const KERNELS = {
  "kernel.wasm": "src/imaging/kernel/index.ts",
  "optimizer.wasm": "src/training/kernel/index.ts",
  "similarity.wasm": "src/hub/cases/kernel/index.ts",
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const buildDirectory = join(root, "build");
mkdirSync(buildDirectory, { recursive: true });

for (const [file, source] of Object.entries(KERNELS)) {
  let wasm;
  const { error, stderr } = await asc.main(
    [
      source,
      "--baseDir",
      root,
      "--outFile",
      file,
      "--enable",
      "simd",
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--converge",
    ],
    {
      writeFile: (name, contents) => {
        if (name.endsWith(".wasm")) wasm = contents;
      },
    },
  );
  if (error !== null || wasm === undefined) {
    process.stderr.write(`${source} does not compile\n${stderr.toString()}${error?.message ?? ""}\n`);
    process.exit(1);
  }
  // A rename, so that a process starting meanwhile sees the old kernel or the new one, never half of it.
  const partPath = join(buildDirectory, `${file}.${process.pid}.part`);
  writeFileSync(partPath, wasm);
  renameSync(partPath, join(buildDirectory, file));
}
