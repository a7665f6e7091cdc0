/** Stations of the loop, in their order. */
export const LOOP_STATIONS = ["watch", "ask", "label", "errors", "retrain", "gates", "release"] as const;
export type LoopStation = (typeof LOOP_STATIONS)[number];

/** What the hub's own records say of one turn of the loop. Times in Unix ms. */
export interface LoopFacts {
  readonly devices: number;
  /** The newest drift alarm of the project's devices; null: none was ever raised. */
  readonly alarm: {
    readonly device: string;
    readonly at: number;
    readonly sentence: string;
    readonly seen: boolean;
  } | null;
  readonly cases: { readonly unlabelled: number; readonly labelled: number; readonly newestAt: number | null };
  /** The first alarm of the present or last turn; null: none. */
  readonly turnBeganAt: number | null;
  readonly newestLabelAt: number | null;
  readonly dataset: { readonly name: string; readonly at: number; readonly cases: number } | null;
  readonly run: {
    readonly state: string;
    readonly at: number;
    readonly message: string;
    readonly progress: number;
    readonly finishedAt: number | null;
  } | null;
  /** The newest model that was trained here. */
  readonly candidate: {
    readonly version: string;
    readonly at: number;
    readonly closedGates: readonly string[];
    readonly judged: boolean;
  } | null;
  readonly release: {
    readonly version: string;
    readonly state: string;
    readonly stage: string | null;
    readonly sentence: string;
    readonly at: number;
  } | null;
  readonly active: { readonly name: string; readonly version: string } | null;
}

export interface LoopStep {
  readonly station: LoopStation;
  /** now: here it turns. done: it came past here since the last alarm. waiting: not yet. */
  readonly state: "done" | "now" | "waiting";
  readonly at: number | null;
  readonly sentence: string;
}

const UNDER_WAY = ["signing", "ready", "rolling", "held"];

/** Where the loop stands. Pure: the station with work under way, the furthest first; else the line is watched. */
export function loopSteps(facts: LoopFacts): LoopStep[] {
  const now = stationOf(facts);
  const at = LOOP_STATIONS.indexOf(now);
  const hasTurned = now === "watch" && facts.release !== null;
  return LOOP_STATIONS.map((station, index) => {
    const { sentence, at: since } = wordsOf(facts, station);
    const state = index === at ? "now" : index < at || hasTurned ? "done" : "waiting";
    return { station, state, at: since, sentence };
  });
}

function stationOf({ release, run, candidate, alarm, dataset, cases }: LoopFacts): LoopStation {
  if (release !== null && UNDER_WAY.includes(release.state)) return "release";
  if (run !== null && (run.state === "queued" || run.state === "running")) return "retrain";
  const releasedAt = release?.at ?? Number.NEGATIVE_INFINITY;
  if (candidate !== null && candidate.at > releasedAt) return "gates";
  if (alarm === null || alarm.at <= releasedAt) return "watch";
  if (dataset !== null && dataset.at > alarm.at) return "retrain";
  if (cases.newestAt === null || cases.newestAt < alarm.at) return "ask";
  return cases.unlabelled > 0 ? "label" : "errors";
}

function wordsOf(facts: LoopFacts, station: LoopStation): { sentence: string; at: number | null } {
  const { alarm, cases, candidate, run, release, active } = facts;
  switch (station) {
    case "watch": {
      const devices = `${facts.devices} ${facts.devices === 1 ? "device" : "devices"}`;
      if (alarm === null) return { sentence: `${devices}; none has raised an alarm.`, at: null };
      return { sentence: `${alarm.device}: ${alarm.sentence}`, at: alarm.at };
    }
    case "ask":
      return { sentence: `${cases.unlabelled + cases.labelled} cases came from the line.`, at: cases.newestAt };
    case "label":
      return { sentence: `${cases.labelled} have a label, ${cases.unlabelled} wait for one.`, at: facts.newestLabelAt };
    case "errors":
      return { sentence: "How often the model was wrong, before and after, is below.", at: facts.newestLabelAt };
    case "retrain":
      if (run === null) return { sentence: "Nothing was trained here yet.", at: null };
      return {
        sentence: `${run.message === "" ? run.state : run.message} (${Math.round(run.progress * 100)} %)`,
        at: run.finishedAt ?? run.at,
      };
    case "gates": {
      if (candidate === null) return { sentence: "No candidate yet.", at: null };
      const { version, judged, closedGates } = candidate;
      if (!judged) return { sentence: `${version} was not judged on a test set yet.`, at: candidate.at };
      const closed = closedGates.length === 0 ? "every gate is open" : `closed: ${closedGates.join(", ")}`;
      return { sentence: `${version}: ${closed}.`, at: candidate.at };
    }
    case "release": {
      const runs = active === null ? "" : ` The fleet's model is ${active.name} ${active.version}.`;
      if (release === null) return { sentence: `Nothing was released by this hub yet.${runs}`, at: null };
      const stage = release.stage === null ? release.state : `${release.stage}, ${release.state}`;
      return { sentence: `${release.version} (${stage}): ${release.sentence}${runs}`, at: release.at };
    }
  }
}
