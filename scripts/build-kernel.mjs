// Compiles src/imaging/kernel (AssemblyScript) to build/kernel.wasm. Run by the build; takes about two seconds.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const buildDirectory = join(root, "build");
const options = [
  "src/imaging/kernel/index.ts",
  "--baseDir",
  root,
  "--outFile",
  "kernel.wasm",
  "--enable",
  "simd",
  "-O3",
  "--noAssert",
  "--runtime",
  "stub",
  "--converge",
];

let wasm;
const { error, stderr } = await asc.main(options, {
  writeFile: (name, contents) => {
    if (name.endsWith(".wasm")) wasm = contents;
  },
});
if (error !== null || wasm === undefined) {
  process.stderr.write(`the image kernel does not compile\n${stderr.toString()}${error?.message ?? ""}\n`);
  process.exit(1);
}
// A rename, so that a process starting meanwhile sees the old kernel or the new one, never half of it.
mkdirSync(buildDirectory, { recursive: true });
const partPath = join(buildDirectory, `kernel.wasm.${process.pid}.part`);
writeFileSync(partPath, wasm);
renameSync(partPath, join(buildDirectory, "kernel.wasm"));
