import { expect, test } from "vitest";
import { estimateFromScores, reckonScores, type ScoredPart } from "../../src/analysis/estimate-from-scores.ts";
import { seededRandom } from "../../src/platform/random.ts";

interface TruePart extends ScoredPart {
  readonly defective: boolean;
}

/** Parts whose scores are what they say: of those with score s a share s is defective. */
function calibratedParts(count: number, seed: number): TruePart[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const ngScore = random() < 0.8 ? random() ** 3 * 0.5 : 1 - random() ** 3 * 0.5;
    const verdict = ngScore < 0.2 ? "pass" : ngScore >= 0.7 ? "reject" : "review";
    return { ngScore, verdict, defective: random() < ngScore };
  });
}

test("is the rate that labels would give, within its interval, where the scores are calibrated", () => {
  // The rates of a line are those of very many parts.
  const many = calibratedParts(400_000, 1);
  const rate = (of: (part: TruePart) => boolean, hit: TruePart["verdict"]): number => {
    const chosen = many.filter(of);
    return chosen.filter(({ verdict }) => verdict === hit).length / chosen.length;
  };
  const escapes = rate(({ defective }) => defective, "pass");
  const overkill = rate(({ defective }) => !defective, "reject");
  const rounds = 300;
  const held = { escapes: 0, overkill: 0 };
  for (let seed = 2; seed < 2 + rounds; seed++) {
    const estimate = estimateFromScores(calibratedParts(500, seed));
    for (const [kind, truth] of [
      ["escapes", escapes],
      ["overkill", overkill],
    ] as const) {
      const { low, high } = estimate[kind].interval;
      if (low <= truth && truth <= high) held[kind]++;
    }
  }
  expect(held.escapes / rounds).toBeGreaterThan(0.9);
  expect(held.overkill / rounds).toBeGreaterThan(0.9);
});

test("no parts, and parts that cannot be defective, give no rate and no NaN", () => {
  const nothing = { share: 0, interval: { low: 0, high: 1 }, trials: 0 };
  expect(estimateFromScores([])).toEqual({ parts: 0, escapes: nothing, overkill: nothing });
  expect(estimateFromScores([{ ngScore: 0, verdict: "pass" }]).escapes).toEqual(nothing);
});

test("labels agree with calibrated scores in all but about one of fifty audits, and never with surely wrong ones", () => {
  const audits = Array.from({ length: 300 }, (_, seed) => calibratedParts(300, 1000 + seed));
  const agree = (parts: readonly TruePart[]): boolean => {
    const { escapes, overkill } = reckonScores(parts);
    return escapes.agrees && overkill.agrees;
  };
  expect(audits.filter(agree).length / audits.length).toBeGreaterThan(0.95);
  const blind = audits.map((parts) => parts.map((part) => ({ ...part, ngScore: 0.01, verdict: "pass" as const })));
  expect(blind.filter(agree)).toEqual([]);
});
