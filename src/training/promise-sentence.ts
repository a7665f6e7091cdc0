import type { PromiseTerms } from "../statistics/exact-promise.ts";
import type { PromiseResult } from "./certificate.ts";

/** How each kind of promise speaks of its parts. */
const WORDS = {
  escape: { parts: "defective parts", verdict: "pass", wrong: "passed", option: "--max-escape" },
  overkill: { parts: "good parts", verdict: "are rejected", wrong: "rejected", option: "--max-overkill" },
} as const;

/** What the data support, in one sentence for a quality engineer. */
export function promiseSentence(kind: keyof typeof WORDS, terms: PromiseTerms, result: PromiseResult): string {
  const { parts, verdict, wrong, option } = WORDS[kind];
  const wanted = `at most ${percent(terms.maxRate)} of ${parts} ${verdict}, with ${percent(terms.confidence)} confidence`;
  const seen = `${result.parts} held-out ${parts}`;
  if (result.kept) return `promised: ${wanted} (${seen}, ${result.wrong} of them ${wrong})`;
  if (result.unreachable)
    return `not promised: ${wanted}: too many ${parts} have the highest score there is; the model must be better`;
  if (result.parts === 0)
    return `not promised: ${wanted}: there are no held-out ${parts}; ${result.missingParts} are needed`;
  return (
    `not promised: ${wanted}: ${seen} support ${percentUp(result.supportedRate)} at that confidence ` +
    `(${option} ${shareUp(result.supportedRate)}); ${result.missingParts} more are needed`
  );
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(6))} %`;
/** Rounded up: the rounded promise must still be supported. */
const shareUp = (share: number): number => Math.min(1, Math.ceil(share * 10_000) / 10_000);
const percentUp = (share: number): string => percent(shareUp(share));
