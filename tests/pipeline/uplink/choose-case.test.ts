import { expect, test } from "vitest";
import type { SamplingRule } from "../../../src/contracts/hub-case.ts";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { chooseCase, priorityOf, type ChoiceRules } from "../../../src/pipeline/uplink/choose-case.ts";
import { CaseOptions } from "../../../src/pipeline/uplink/uplink-options.ts";
import { sampleVerdict } from "../journal/sample-rows.ts";
import { uncertain } from "./open-uplink.ts";

const rules = (change: Partial<CaseOptions> = {}, orders: readonly SamplingRule[] = []): ChoiceRules => ({
  options: CaseOptions.parse(change),
  orders,
  metadata: () => ({ shift: "night" }),
});
const order = (change: Partial<SamplingRule> = {}): SamplingRule => ({
  ...{ id: "o-1", title: "glare", rate: 1, wanted: 100, until: Date.now() + 60_000, where: {} },
  ...change,
});
const many = (count: number): Verdict[] => Array.from({ length: count }, (_, at) => sampleVerdict(1, at + 1));

test("an uncertain verdict is always chosen, and says so", () => {
  const choice = chooseCase(uncertain(1, 1), rules({ auditShare: 0 }));
  expect(choice).toEqual({ reasons: ["uncertain"], selectionProbability: 1, orders: [] });
});

test("a reason that nobody wants is not chosen", () => {
  expect(chooseCase(uncertain(1, 1), rules({ reasons: ["fault"], auditShare: 0 }))).toBeNull();
});

test("the audit sample is drawn at its share, with its chance, and again the same", () => {
  const verdicts = many(20_000);
  const usual = rules();
  const drawn = verdicts.filter((verdict) => chooseCase(verdict, usual) !== null);
  expect(drawn.length / verdicts.length).toBeGreaterThan(0.016); // four standard deviations
  expect(drawn.length / verdicts.length).toBeLessThan(0.024);
  const again = verdicts.filter((verdict) => chooseCase(verdict, usual) !== null);
  expect(again).toEqual(drawn);
  const otherSeed = rules({ auditSeed: 2 });
  const other = verdicts.filter((verdict) => chooseCase(verdict, otherSeed) !== null);
  expect(other).not.toEqual(drawn);
  const [first] = drawn;
  expect(first && chooseCase(first, rules())).toMatchObject({ reasons: ["audit"] });
  expect(first && chooseCase(first, rules())?.selectionProbability).toBe(0.02);
});

test("an order draws what fits it, by a lot of its own", () => {
  const verdicts = many(4000);
  const half = rules({ auditShare: 0 }, [order({ rate: 0.5, where: { classes: ["crack"], minScore: 0.9 } })]);
  const drawn = verdicts.map((verdict) => chooseCase(verdict, half)).filter((choice) => choice !== null);
  expect(drawn.length / verdicts.length).toBeGreaterThan(0.46);
  expect(drawn.length / verdicts.length).toBeLessThan(0.54);
  expect(drawn[0]).toEqual({ reasons: ["operator"], selectionProbability: 0.5, orders: ["o-1"] });
  const [verdict = uncertain(1, 1)] = verdicts;
  const only = (where: SamplingRule["where"]) => chooseCase(verdict, rules({ auditShare: 0 }, [order({ where })]));
  expect(only({ classes: ["fray"] })).toBeNull();
  expect(only({ maxScore: 0.5 })).toBeNull();
  expect(only({ verdicts: ["pass"] })).toBeNull();
  expect(only({ metadata: { shift: "early" } })).toBeNull();
  expect(only({ metadata: { shift: "night" }, verdicts: ["reject"] })).not.toBeNull();
});

test("chances of several lots are those of any of them", () => {
  const both = rules({ auditShare: 0.5 }, [order({ rate: 0.5 })]);
  const choices = many(50).map((verdict) => chooseCase(verdict, both));
  for (const choice of choices) if (choice !== null) expect(choice.selectionProbability).toBeCloseTo(0.75, 12);
});

test("the most urgent reason gives a case its rank", () => {
  const { priority } = CaseOptions.parse({});
  expect(priorityOf(["fault", "operator"], priority)).toBe(priority.length);
  expect(priorityOf(["fault"], priority)).toBe(1);
  expect(priorityOf(["fault"], ["audit"])).toBe(0);
});
