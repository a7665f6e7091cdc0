import { systemClock as clock } from "../../platform/clock.ts";
import { readStatus, type ReleaseStatus } from "../../release/release-status.ts";
import { parseCommandLine } from "../command-line.ts";
import { folderOf } from "./shared.ts";

const HELP = `usage: sightline release status [options]

What is published, until when, signed by how many; what waits for signatures; what devices are ordered to run. Needs no
keys. Exit code 1 where something published has expired.

  --releases DIR         the folder that is published (default: releases)
  --json                 one JSON document on stdout
`;

const OPTIONS = {
  releases: { type: "string", default: "releases" },
  json: { type: "boolean", default: false },
} as const;

export async function releaseStatus(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const status = await readStatus(folderOf({ ...options, keys: "" }), clock.wallNow());
  process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : readable(status));
  return status.roles.some(({ daysLeft }) => daysLeft <= 0) ? 1 : 0;
}

function readable({ roles, staged, releases, orders }: ReleaseStatus): string {
  const rows = roles.map(({ repository, role, version, expires, daysLeft, signatures, threshold }) => [
    `${repository}/${role}`,
    String(version),
    expires,
    daysLeft <= 0 ? "EXPIRED" : `${daysLeft} d`,
    `${signatures} (needs ${threshold})`,
  ]);
  const sections = [table(["role", "version", "expires", "left", "signatures"], rows)];
  if (staged.length > 0) {
    const lines = staged.map(({ role, version, signed, missing }) => [
      role,
      String(version),
      signed,
      missing > 0 ? `${missing} missing` : "complete",
    ]);
    sections.push(table(["staged", "version", "signed", ""], lines));
  }
  if (releases.length > 0) {
    const lines = releases.map((note) => [
      `${note.product} ${note.release}`,
      `${note.name} ${note.version}`,
      note.lines.join(", "),
      note.reason,
    ]);
    sections.push(table(["release", "model", "lines", "reason"], lines));
  }
  if (orders.length > 0) {
    const lines = orders.map(({ order, to, product, stage, target, orderedAt }) => [
      String(order),
      to,
      product,
      stage,
      target.split("/").slice(2, 4).join(" "),
      orderedAt,
    ]);
    sections.push(table(["order", "to", "product", "stage", "model", "since"], lines));
  }
  return `${sections.join("\n\n")}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
