import { ReleaseNote, readManifestPath } from "./documents.ts";
import { readPending, roleText } from "./pending.ts";
import type { RepositoryFolder } from "./repository-folder.ts";

/** What a holder is about to put their name to, a sentence each: nobody should sign blind. */
export async function describeChanges(folder: RepositoryFolder): Promise<string[]> {
  const lines: string[] = [];
  for (const { name, metadata } of await readPending(folder)) {
    lines.push(`${roleText(name)} version ${metadata.signed.version}, until ${metadata.signed.expires}`);
    if (metadata.signed.type === "root") {
      const before = (await folder.root(name.repository))?.signed;
      for (const [role, { keyIDs, threshold }] of Object.entries(metadata.signed.roles)) {
        const fresh = keyIDs.filter((id) => before?.roles[role]?.keyIDs.includes(id) !== true);
        if (fresh.length > 0) {
          lines.push(
            `  ${role}: ${threshold} of ${keyIDs.length}, new keys ${fresh.map((id) => id.slice(0, 16)).join(", ")}`,
          );
        }
      }
    }
    if (metadata.signed.type !== "targets") continue;
    const before = (await folder.targets(name))?.signed;
    for (const role of Object.values(metadata.signed.delegations?.roles ?? {})) {
      if (before?.delegations?.roles?.[role.name]?.keyIDs.join() === role.keyIDs.join()) continue;
      const keys = role.keyIDs.map((id) => id.slice(0, 16)).join(", ");
      lines.push(`  ${role.name} may sign ${role.paths?.join(" ")}: ${role.threshold} of ${keys}`);
    }
    for (const target of Object.values(metadata.signed.targets)) {
      const known = before?.targets[target.path];
      if (known?.equals(target) === true) continue;
      const note = readManifestPath(target.path) === null ? undefined : ReleaseNote.safeParse(target.custom).data;
      lines.push(
        note === undefined
          ? `  ${known === undefined ? "adds" : "changes"} ${target.path}, ${target.length} bytes, ${target.hashes["sha256"]}`
          : `  release ${note.release} of ${note.product}: ${note.name} ${note.version} for ${note.lines.join(", ")}: ${note.reason}`,
      );
    }
    for (const path of Object.keys(before?.targets ?? {})) {
      if (metadata.signed.targets[path] === undefined) lines.push(`  removes ${path}`);
    }
  }
  return lines;
}
