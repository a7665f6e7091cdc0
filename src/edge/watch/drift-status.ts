import { z } from "zod";
import { DriftAlarm } from "../../contracts/drift-alarm.ts";
import type { DriftConfig } from "./drift-config.ts";
import type { SampleSheets } from "./sample-sheets.ts";
import type { StationWatch } from "./station-watch.ts";

const Count = z.int().nonnegative();

/** Of the active recipe, for people. */
export const DriftStatus = z.strictObject({
  state: z.enum(["off", "learning", "watching", "alarm"]),
  sentence: z.string(),
  framesLearnt: Count.describe("of the reference"),
  framesWanted: Count,
  alarms: z.array(DriftAlarm).describe("open, the oldest first"),
  closest: z
    .strictObject({ stream: z.string(), share: z.number().min(0).max(1) })
    .nullable()
    .describe("the stream nearest to its alarm: 1 is an alarm"),
  comparison: z.string().nullable().describe("how far this line lies from the frames the model was tested on"),
  pictures: z.strictObject({ reference: Count, now: Count }).describe("on the two sample sheets"),
});
export type DriftStatus = z.infer<typeof DriftStatus>;

/** Pure. */
export function driftStatus(
  { enabled, referenceFrames }: Pick<DriftConfig, "enabled" | "referenceFrames">,
  watch: StationWatch | undefined,
  sheets: SampleSheets | undefined,
): DriftStatus {
  const alarms = [...(watch?.alarms ?? [])];
  const reference = watch?.reference ?? null;
  const framesLearnt = watch === undefined ? 0 : (watch.learning ?? reference?.reference.frames ?? 0);
  const isLearning = watch === undefined || watch.learning !== null;
  const state = !enabled ? "off" : alarms.length > 0 ? "alarm" : isLearning ? "learning" : "watching";
  const [closest] = [...(watch?.closeness() ?? [])].sort((left, right) => right[1] - left[1]);
  return {
    state,
    sentence: sentenceOf(state, { framesLearnt, referenceFrames, isLearning, alarms }),
    framesLearnt,
    framesWanted: referenceFrames,
    alarms,
    closest: closest === undefined ? null : { stream: closest[0], share: closest[1] },
    comparison: reference?.comparison ?? null,
    pictures: { reference: sheets?.count("reference") ?? 0, now: sheets?.count("now") ?? 0 },
  };
}

function sentenceOf(
  state: DriftStatus["state"],
  at: { framesLearnt: number; referenceFrames: number; isLearning: boolean; alarms: readonly DriftAlarm[] },
): string {
  const learning = `What is usual is being learnt: ${at.framesLearnt} of ${at.referenceFrames} frames.`;
  if (state === "off") return "Changes of the line are not watched for.";
  if (state === "learning") return learning;
  if (state === "watching") return "Light, focus, parts and scores are as usual.";
  const said = at.alarms.map(({ sentence }) => sentence).join(" ");
  return at.isLearning ? `${said} ${learning}` : said;
}
