import type { RefusedFile } from "../../datasets/data-folder.ts";
import type { ListedImage } from "../../datasets/listings.ts";

/** What was written, for people. */
export function writtenText(
  outPath: string,
  {
    version,
    images,
    refused,
    copies,
  }: {
    readonly version: string;
    readonly images: readonly Pick<ListedImage, "label">[];
    readonly refused: readonly RefusedFile[];
    readonly copies: readonly RefusedFile[];
  },
): string {
  const classes = [...Map.groupBy(images, ({ label }) => label)]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([label, ofClass]) => `  ${(label === "" ? "(no label)" : label).padEnd(15)} ${ofClass.length}`);
  return `${outPath}
  images          ${images.length}
${classes.join("\n")}
  left out        ${refused.length}, and ${copies.length} copies
  version         ${version}
`;
}
