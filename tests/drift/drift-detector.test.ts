import { describe, expect, test } from "vitest";
import { describeDrift } from "../../src/drift/describe-drift.ts";
import { DriftDetector } from "../../src/drift/drift-detector.ts";
import { driftReference } from "../../src/drift/drift-reference.ts";
import type { DriftObservation } from "../../src/drift/observation.ts";
import { seededRandom } from "../../src/platform/random.ts";

const EMBEDDING_SIZE = 32;

interface Change {
  readonly brightness?: number;
  readonly embedding?: number;
  /** Of each frame's brightness with the one before, 0 to 1. */
  readonly correlation?: number;
}

/** A station with skewed, heavy-tailed statistics: nothing about it is normal. */
function station(seed: number): (change?: Change) => DriftObservation {
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  let last = 0;
  return ({ brightness = 1, embedding = 0, correlation = 0 } = {}) => {
    last = correlation * last + Math.sqrt(1 - correlation ** 2) * normal();
    const score = random() < 0.9 ? random() ** 4 * 0.1 : random();
    return {
      brightness: 100 * Math.exp(0.15 * last) * brightness,
      darkShare: random() < 0.6 ? 0 : random() * 0.02,
      brightShare: 0,
      sharpness: 8 + Math.abs(normal()) ** 3,
      ngScore: score,
      confidence: Math.max(score, 1 - score),
      embedding: Float32Array.from({ length: EMBEDDING_SIZE }, () => Math.exp(normal()) + embedding),
    };
  };
}

const framesUntilAlarm = (detector: DriftDetector, next: () => DriftObservation, most: number) => {
  for (let frame = 1; frame <= most; frame++) {
    const alarm = detector.add(next());
    if (alarm !== null) return { frame, alarm };
  }
  return null;
};

const commissioned = (seed: number, frames: number, change: Change = {}) => {
  const next = station(seed);
  const reference = driftReference(
    Array.from({ length: frames }, () => next(change)),
    7,
  );
  return { reference, next };
};

describe("a station on which nothing changes", () => {
  test.each([0, 0.6])("alarms about as rarely as promised, frames correlated by %d", (correlation) => {
    const everyFrames = 4000;
    let alarms = 0;
    let frames = 0;
    for (let seed = 0; seed < 6; seed++) {
      const { reference, next } = commissioned(seed, 2000, { correlation });
      const detector = new DriftDetector(reference, { falseAlarmEveryFrames: everyFrames, shift: 1 });
      for (let frame = 0; frame < 8000; frame++, frames++) if (detector.add(next({ correlation })) !== null) alarms++;
    }
    expect(alarms).toBeLessThan((3 * frames) / everyFrames);
  });
});

describe("a station that changes", () => {
  test("darker images are found soon, and named", () => {
    const { reference, next } = commissioned(1, 400);
    const found = framesUntilAlarm(new DriftDetector(reference), () => next({ brightness: 0.8 }), 2000);
    expect(found?.frame).toBeLessThan(120);
    expect(found?.alarm).toMatchObject({ stream: "brightness", direction: "down" });
    const sentence = found === null ? "" : describeDrift(found.alarm);
    expect(sentence).toMatch(/^The images have become darker: look at the lamp/);
    expect(sentence).toMatch(/is [78]\d\.\d for about \d+ frames, usually (9\d|10\d)\.\d\.$/);
  });

  test("parts that look different to the model are found though every image statistic stays", () => {
    const { reference, next } = commissioned(2, 400);
    const found = framesUntilAlarm(new DriftDetector(reference), () => next({ embedding: 1 }), 2000);
    expect(found?.frame).toBeLessThan(300);
    expect(found?.alarm.stream).toMatch(/^embedding/);
    expect(found === null ? "" : describeDrift(found.alarm)).toMatch(/look different to the model/);
  });

  test("a smaller change takes longer", () => {
    const delays = [0.95, 0.9, 0.8].map((brightness) => {
      const { reference, next } = commissioned(3, 1000);
      return framesUntilAlarm(new DriftDetector(reference), () => next({ brightness }), 20_000)?.frame ?? Infinity;
    });
    expect(delays).toEqual([...delays].sort((a, b) => b - a));
  });
});

test("a detector goes on after an alarm, and alarms again while the change lasts", () => {
  const { reference, next } = commissioned(4, 400);
  const detector = new DriftDetector(reference);
  expect(framesUntilAlarm(detector, () => next({ brightness: 0.7 }), 500)).not.toBeNull();
  expect(framesUntilAlarm(detector, () => next({ brightness: 0.7 }), 500)).not.toBeNull();
});

test("too few frames make no reference", () => {
  const next = station(5);
  expect(() => driftReference([next()], 1)).toThrow("needs 100 frames, there are 1");
});

describe("a line that shows the same few pictures over and over", () => {
  const pictures = Array.from({ length: 4 }, (_, at): DriftObservation => {
    const embedding = Float32Array.from({ length: EMBEDDING_SIZE }, (__, place) => 1 + place / 10 + at * 5e-4);
    const ngScore = 0.035 + at * 1e-4;
    return {
      ...{ brightness: 128 + at * 0.1, darkShare: 0, brightShare: 0, sharpness: 3 },
      ...{ ngScore, confidence: 1 - ngScore, embedding },
    };
  });
  const picture = (index: number): DriftObservation => pictures[index % pictures.length] as DriftObservation;
  const reference = driftReference(
    Array.from({ length: 400 }, (_, index) => picture(index)),
    7,
  );

  test("is no other line when it shows one of them more often", () => {
    const detector = new DriftDetector(reference);
    expect(framesUntilAlarm(detector, () => picture(3), 2000)).toBeNull();
  });

  test("is another one as soon as the change matters", () => {
    const detector = new DriftDetector(reference);
    for (let frame = 0; frame < 2000; frame++) detector.add(picture(3));
    const darker = { ...picture(3), brightness: 120 };
    const { frame, alarm } = framesUntilAlarm(detector, () => darker, 2000) ?? expect.fail("no alarm");
    expect(alarm).toMatchObject({ stream: "brightness", direction: "down" });
    expect(frame).toBeLessThan(100);
  });
});
