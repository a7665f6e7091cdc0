import { expect, test } from "vitest";
import { recordCase } from "../../../src/hub/cases/record-case.ts";
import { keepVerdicts } from "../../../src/hub/intake/verdict-intake.ts";
import { auditedParts } from "../../../src/hub/watch/audited-parts.ts";
import { type LinePart, lineWindows } from "../../../src/hub/watch/line-windows.ts";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { onBothEngines } from "../support/both-engines.ts";
import { caseOf, verdictOf } from "../support/hard-cases.ts";
import { addProject } from "../support/make-upload.ts";

const PARTS = 1300;
/** From this part of the second boot on the device runs another model. */
const RELEASED_AT = 400;

const MODELS = ["1.0.0", "1.1.0"].map((version, at) => ({ name: "tiles", version, sha256: String(at).repeat(64) }));

function verdictAt(at: number): Verdict {
  const [bootSeq, verdictSeq] = at <= 300 ? [1, at] : [2, at - 300];
  const model = MODELS[at < RELEASED_AT ? 0 : 1] ?? expect.fail();
  return { ...verdictOf({ device: "cam", bootSeq, verdictSeq }), part: `part-${at}`, model } as Verdict;
}

onBothEngines((engine) => {
  test("the windows of a line are the first and newest parts of the model that judges now, and no others", async () => {
    const database = await engine.open();
    await addProject(database, "p");
    expect(await lineWindows(database, "p", "cam")).toBeNull();
    const verdicts = Array.from({ length: PARTS }, (_, index) => verdictAt(index + 1));
    await keepVerdicts(database, { device: "cam", verdicts, lost: [], receivedAt: 1 });
    for (const at of [100, 250, 450, 700]) {
      const verdict = verdicts[at - 1] ?? expect.fail();
      const upload = { ...caseOf(verdict, new Uint8Array([at & 0xff])), reasons: ["audit" as const] };
      await recordCase(database, { upload, project: "p", receivedAt: at });
    }
    const { model, usual, newest } = (await lineWindows(database, "p", "cam")) ?? expect.fail();
    const partOf = ({ part }: Verdict): string => part;
    const seenPart = ({ verdict }: LinePart): string => verdict.part;
    expect(model).toEqual(MODELS[1]);
    // Its first case was part 450.
    expect(usual.map(seenPart)).toEqual(verdicts.slice(449).map(partOf));
    expect(newest.map(seenPart)).toEqual(verdicts.slice(399).slice(-1000).map(partOf));
    const audited = await auditedParts(database, { project: "p", device: "cam", modelSha256: model.sha256 });
    expect(audited.map(({ part }) => part)).toEqual(["part-700", "part-450"]);
    expect(audited[0]).toMatchObject({ scored: { ngScore: 0.5, verdict: "review" }, defective: null });
    expect(audited[0]?.numbers).toEqual(new Map([["temperature", 21.5]]));
  });
});
