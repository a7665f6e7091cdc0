import { parentPort, workerData } from "node:worker_threads";
import { type ChoiceStudyInput, choiceStudyOf } from "./choice-study.ts";
import { type StudyInput, studyOf } from "./study.ts";

/** What is studied, and what the study needs. */
export type StudyWish =
  | { readonly kind: "cases"; readonly input: StudyInput }
  | { readonly kind: "choice"; readonly input: ChoiceStudyInput };

const wish = workerData as StudyWish;
parentPort?.postMessage(wish.kind === "cases" ? studyOf(wish.input) : choiceStudyOf(wish.input));
