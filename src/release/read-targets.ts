import type { TargetFile, Targets } from "@tufjs/models";
import { readManifestPath, readOrderPath, ReleaseNote, ReleaseOrder } from "./documents.ts";

/** All releases of a product, oldest first, each with its manifest's target. */
export const releasesOf = (targets: Targets): { readonly note: ReleaseNote; readonly manifest: TargetFile }[] =>
  Object.values(targets.targets)
    .filter(({ path }) => readManifestPath(path) !== null)
    .flatMap((manifest) => {
      const note = ReleaseNote.safeParse(manifest.custom).data;
      return note === undefined ? [] : [{ note, manifest }];
    })
    .sort((left, right) => left.note.release - right.note.release);

/** All orders of the director, as they stand. */
export const readOrders = (targets: Targets) =>
  Object.values(targets.targets).flatMap((target) => {
    const [where, order] = [readOrderPath(target.path), ReleaseOrder.safeParse(target.custom).data];
    return where === null || order === undefined ? [] : [{ ...where, path: target.path, order, target }];
  });
