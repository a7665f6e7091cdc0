import { DriftDetector } from "../../drift/drift-detector.ts";
import type { DriftReference } from "../../contracts/drift-reference.ts";
import { driftReference } from "../../drift/drift-reference.ts";
import type { DriftObservation } from "../../drift/observation.ts";
import { seededRandom } from "../../platform/random.ts";

export interface DriftRunOptions {
  readonly runs: number;
  readonly referenceFrames: number;
  readonly falseAlarmEveryFrames: number;
  /** Frames without a change that each run watches, to count false alarms. */
  readonly quietFrames: number;
  /** Frames after a change within which an alarm counts as found. */
  readonly mostFrames: number;
  readonly seed: number;
}

export interface DelayFigures {
  readonly name: string;
  /** Runs in which an alarm came within `mostFrames`. */
  readonly found: number;
  /** Frames from the change to the alarm, of the runs that found it. */
  readonly medianFrames: number;
  readonly p90Frames: number;
  /** Streams that gave the alarm, most frequent first. */
  readonly streams: readonly string[];
}

export interface DriftFigures {
  readonly quietFrames: number;
  readonly falseAlarms: number;
  readonly delays: readonly DelayFigures[];
}

/** Each run commissions a station on its own draw of usual frames, watches quiet ones, then each change on its own. */
export function driftRuns(
  usual: readonly DriftObservation[],
  changes: ReadonlyMap<string, readonly DriftObservation[]>,
  options: DriftRunOptions,
  onRun: (done: number) => void,
): DriftFigures {
  const alarms = new Map([...changes.keys()].map((name) => [name, new Array<{ frames: number; stream: string }>()]));
  let falseAlarms = 0;
  for (let run = 0; run < options.runs; run++) {
    const random = seededRandom(options.seed * 1000 + run);
    const draw = (from: readonly DriftObservation[]): DriftObservation =>
      from[Math.floor(random() * from.length)] ?? from[0] ?? raise();
    const reference = driftReference(
      Array.from({ length: options.referenceFrames }, () => draw(usual)),
      run,
    );
    const detector = detectorOf(reference, options);
    for (let frame = 0; frame < options.quietFrames; frame++) if (detector.add(draw(usual)) !== null) falseAlarms++;
    for (const [name, frames] of changes) {
      const found = firstAlarm(detectorOf(reference, options), () => draw(frames), options.mostFrames);
      if (found !== null) alarms.get(name)?.push(found);
    }
    onRun(run + 1);
  }
  return {
    quietFrames: options.runs * options.quietFrames,
    falseAlarms,
    delays: [...alarms].map(([name, found]) => delayFigures(name, found)),
  };
}

const detectorOf = (reference: DriftReference, { falseAlarmEveryFrames }: DriftRunOptions): DriftDetector =>
  new DriftDetector(reference, { falseAlarmEveryFrames, shift: 1 });

function raise(): never {
  throw new RangeError("there are no frames to draw from");
}

function firstAlarm(
  detector: DriftDetector,
  next: () => DriftObservation,
  mostFrames: number,
): { frames: number; stream: string } | null {
  for (let frames = 1; frames <= mostFrames; frames++) {
    const alarm = detector.add(next());
    if (alarm !== null) return { frames, stream: alarm.stream };
  }
  return null;
}

function delayFigures(name: string, found: readonly { frames: number; stream: string }[]): DelayFigures {
  const delays = found.map(({ frames }) => frames).sort((a, b) => a - b);
  const streams = [...Map.groupBy(found, ({ stream }) => stream)].sort((a, b) => b[1].length - a[1].length);
  return {
    name,
    found: found.length,
    medianFrames: delays[delays.length >> 1] ?? NaN,
    p90Frames: delays[Math.floor(0.9 * delays.length)] ?? NaN,
    streams: streams.map(([stream]) => stream),
  };
}
