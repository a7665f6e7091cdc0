import type { DeviceState } from "../contracts/device-state.ts";
import type { CameraStatus } from "../pipeline/capture/camera-link.ts";
import type { EngineStatus } from "../pipeline/infer/inference-engine.ts";
import type { JournalStatus } from "../pipeline/journal/journal.ts";

/** What the condition of the device is judged from. */
export interface ConditionInputs {
  /** From the first service to the last: nothing is missing yet, it is on its way. */
  readonly starting: boolean;
  readonly stopping: boolean;
  readonly recipeActive: boolean;
  readonly refusedRecipes: ReadonlyMap<string, string>;
  readonly camera: CameraStatus;
  /** A folder that was read to its end is no failed camera. */
  readonly sourceEnded: boolean;
  readonly engine: EngineStatus;
  readonly journal: JournalStatus;
  /** Null where no broker is configured. */
  readonly broker: { readonly connected: boolean; readonly lastError: string | null } | null;
  /** What stands between this device and its hub, or null. */
  readonly hub: Problem | null;
  /** Why no signed release can be taken, where a person must look; or null. */
  readonly release: Problem | null;
  readonly rejectSignal: { readonly connected: boolean; readonly sentence: string | null };
}

type Problem = DeviceState["problems"][number];

export interface DeviceCondition {
  readonly state: DeviceState["state"];
  readonly problems: Problem[];
}

/** What ends by itself: nobody need come. */
const ON_ITS_WAY: ReadonlySet<string> = new Set(["model-loading", "camera-opening"]);

/** What an operator is told. Pure; the order is that of urgency. */
export function conditionOf(inputs: ConditionInputs): DeviceCondition {
  if (inputs.stopping) return { state: "offline", problems: [] };
  const stopping = problemsThatStopInspection(inputs);
  const problems = [...stopping, ...problemsBesideInspection(inputs)];
  if (stopping.some(({ code }) => !ON_ITS_WAY.has(code))) return { state: "not-inspecting", problems };
  if (stopping.length > 0) return { state: "starting", problems };
  return { state: problems.length > 0 ? "degraded" : "inspecting", problems };
}

function problemsThatStopInspection({
  starting,
  recipeActive,
  camera,
  sourceEnded,
  engine,
}: ConditionInputs): Problem[] {
  const problems: Problem[] = [];
  if (engine.loading !== null)
    problems.push({ code: "model-loading", sentence: `The model ${engine.loading} is being prepared.` });
  else if (starting && !recipeActive)
    problems.push({ code: "model-loading", sentence: "The models are being prepared." });
  else if (!recipeActive)
    problems.push({ code: "no-recipe", sentence: "No recipe is active: every part gets a fault." });
  else if (!engine.ready)
    problems.push({ code: "model-down", sentence: "The model is being restarted: parts get faults until then." });
  if (camera.state === "recovering" || (camera.state === "opening" && camera.lastError !== null)) {
    problems.push({
      code: "camera-lost",
      sentence: `The camera delivers no image: ${camera.lastError ?? "it does not answer"}`,
    });
  } else if (camera.state === "opening" || (camera.state === "closed" && starting)) {
    problems.push({ code: "camera-opening", sentence: "The camera is being opened." });
  } else if (camera.state === "closed") {
    const sentence = sourceEnded ? "All images of the source have been inspected." : "The camera is switched off.";
    problems.push({ code: "camera-ended", sentence });
  }
  return problems;
}

function problemsBesideInspection({
  refusedRecipes,
  journal,
  broker,
  hub,
  release,
  rejectSignal,
}: ConditionInputs): Problem[] {
  const problems: Problem[] = [];
  if (!journal.recording) {
    problems.push({ code: "recording-lost", sentence: journal.sentence ?? "Verdicts cannot be written to disk." });
  } else if (journal.sentence !== null) {
    problems.push({ code: "disk-low", sentence: journal.sentence });
  }
  if (!rejectSignal.connected) {
    problems.push({
      code: "reject-signal-lost",
      sentence: rejectSignal.sentence ?? "The reject signal is not connected: every part is rejected.",
    });
  }
  if (broker !== null && !broker.connected) {
    const what = broker.lastError === null ? "the message broker cannot be reached" : broker.lastError;
    problems.push({
      code: "broker-away",
      sentence: `${asSentence(what)}; verdicts are kept and sent later.`,
    });
  }
  if (hub !== null) problems.push(hub);
  if (release !== null) problems.push(release);
  for (const [name, sentence] of refusedRecipes)
    problems.push({ code: "recipe-refused", sentence: `Recipe ${name}: ${sentence}` });
  return problems;
}

const asSentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
