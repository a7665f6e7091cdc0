import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const repository = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sightline-install-"));
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  // A checkout that is built at once, and programs that would change this machine replaced by ones that do not.
  write("checkout/package.json", '{ "version": "1.2.3" }');
  write(
    "checkout/scripts/sightline.mjs",
    'import { mkdirSync } from "node:fs"; mkdirSync(new URL("../dist", import.meta.url), { recursive: true });',
  );
  for (const part of ["deploy", "firmware-config"])
    cpSync(join(repository, part), join(folder, "checkout", part), { recursive: true });
  for (const name of ["useradd", "usermod", "systemctl", "udevadm"]) {
    write(`bin/${name}`, `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n`);
    chmodSync(join(folder, "bin", name), 0o755);
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const install = (...args: string[]): string =>
  execFileSync(join(folder, "checkout/deploy/install.sh"), args, {
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: [join(folder, "bin"), process.env["PATH"]].join(delimiter),
      SIGHTLINE_PREFIX: join(folder, "opt"),
      SIGHTLINE_CONFIG: join(folder, "config"),
      SIGHTLINE_SYSTEM: join(folder, "etc"),
    },
  });

test.skipIf(process.getuid?.() !== 0)(
  "installing twice keeps configuration, rules and secrets, and leaves a way back",
  () => {
    install();
    const configPath = join(folder, "config/device.yaml");
    expect(readFileSync(configPath, "utf8")).toContain(`model: ${join(folder, "opt")}/current/models/tile-surface`);
    expect(readFileSync(join(folder, "calls"), "utf8")).toContain("useradd --system");
    writeFileSync(configPath, "device: mine\n");
    writeFileSync(join(folder, "config/secrets/mqtt-password"), "secret", { mode: 0o644 });
    const first = readlinkSync(join(folder, "opt/current"));

    writeFileSync(join(folder, "checkout/package.json"), '{ "version": "1.2.4" }');
    install();
    expect(readFileSync(configPath, "utf8")).toBe("device: mine\n");
    expect(readlinkSync(join(folder, "opt/current"))).toContain("1.2.4-");
    expect(readlinkSync(join(folder, "opt/previous"))).toBe(first);
    expect(existsSync(join(first, "dist"))).toBe(true);
    expect(statSync(join(folder, "config/secrets/mqtt-password")).mode & 0o777).toBe(0o600);
    const unitFolder = join(folder, "etc/systemd/system");
    expect(readFileSync(join(unitFolder, "sightline-edge.service.d/credentials.conf"), "utf8")).toContain(
      `LoadCredential=mqtt-password:${folder}/config/secrets/mqtt-password`,
    );
    expect(lstatSync(join(unitFolder, "sightline-edge.service")).isFile()).toBe(true);
  },
);

test.skipIf(process.getuid?.() !== 0)("old releases go, the current and the previous one stay", () => {
  for (const version of ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"]) {
    writeFileSync(join(folder, "checkout/package.json"), `{ "version": "${version}" }`);
    install();
  }
  const left = readdirSync(join(folder, "opt/releases")).map((name) => name.split("-")[0]);
  expect(left).toEqual(["1.0.2", "1.0.3", "1.0.4"]);
});

test.skipIf(process.getuid?.() !== 0)("a mistyped option changes nothing", () => {
  expect(() => install("--strat")).toThrow(/unknown option --strat/);
  expect(existsSync(join(folder, "opt"))).toBe(false);
});
