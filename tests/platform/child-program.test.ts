import { once } from "node:events";
import { expect, test } from "vitest";
import { findProgram, programOutput, startProgram } from "../../src/platform/child-program.ts";

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const shell = (script: string, options: object = {}) =>
  startProgram({ path: "/bin/sh", args: ["-c", script], ...options });

test("a program is found on the path, and only if it can be run", async () => {
  expect(await findProgram("sh")).toMatch(/\/sh$/);
  expect(await findProgram("sh", "/nowhere::/etc")).toBeUndefined();
  expect(await findProgram("passwd", "/etc")).toBeUndefined();
  expect(await findProgram("/bin/sh", "")).toBe("/bin/sh");
});

test("output on descriptor 3 is not mixed with what is printed", async () => {
  const program = await shell("echo printed; echo frame >&3; echo complaint >&2; exit 3", { outputFd: 3 });
  const chunks: Buffer[] = [];
  program.output.on("data", (chunk: Buffer) => chunks.push(chunk));
  expect(await program.ended).toEqual({ exitCode: 3, signal: null });
  expect(Buffer.concat(chunks).toString()).toBe("frame\n");
  expect(program.stderrTail()).toBe("complaint\n");
});

test("of standard error only the end is kept", async () => {
  const lines: string[] = [];
  const program = await shell("i=0; while [ $i -lt 500 ]; do echo line $i >&2; i=$((i+1)); done", {
    stderrTailBytes: 20,
    onStderrLine: (line: string) => lines.push(line),
  });
  program.output.resume();
  await program.ended;
  expect(program.stderrTail()).toBe("7\nline 498\nline 499\n");
  expect(lines).toHaveLength(500);
});

test("a program that ignores the request to end is killed", async () => {
  const program = await shell("trap '' TERM INT; echo ready; while :; do sleep 0.05; done", { stopGraceMs: 100 });
  await once(program.output, "data");
  await program.stop();
  await program.stop();
  expect(await program.ended).toEqual({ exitCode: null, signal: "SIGKILL" });
  expect(isAlive(program.pid)).toBe(false);
});

test("a stopped program is killed, too, and one that writes without a reader ends", async () => {
  const frozen = await shell("exec sleep 60", { stopGraceMs: 100 });
  process.kill(frozen.pid, "SIGSTOP");
  const writer = await startProgram({ path: "/bin/cat", args: ["/dev/zero"] });
  await Promise.all([frozen.stop(), writer.stop()]);
  expect([isAlive(frozen.pid), isAlive(writer.pid)]).toEqual([false, false]);
});

test("a program that cannot be started rejects", async () => {
  await expect(startProgram({ path: "/no/such/program", args: [] })).rejects.toMatchObject({ code: "ENOENT" });
});

test("children do not outlive a process that leaves by exit", async () => {
  const module = new URL("../../src/platform/child-program.ts", import.meta.url).href;
  const script = `const { startProgram } = await import(${JSON.stringify(module)});
    const child = await startProgram({ path: "/bin/sleep", args: ["60"] }); console.log(child.pid); process.exit(0);`;
  const pid = Number(await programOutput(process.execPath, ["--input-type=module", "-e", script], 20_000));
  expect(pid).toBeGreaterThan(0);
  for (let look = 0; isAlive(pid) && look < 100; look++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isAlive(pid)).toBe(false);
});

test("a short program's output is read, and a failure or a long wait gives none", async () => {
  expect(await programOutput("/bin/echo", ["hello"], 5000)).toBe("hello\n");
  expect(await programOutput("/bin/sh", ["-c", "echo hello; exit 1"], 5000)).toBeUndefined();
  expect(await programOutput("/bin/sleep", ["60"], 50)).toBeUndefined();
});
