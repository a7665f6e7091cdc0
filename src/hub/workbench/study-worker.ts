import { parentPort, workerData } from "node:worker_threads";
import { type ChoiceStudyInput, choiceStudyOf } from "./choice-study.ts";
import { type StudyInput, studyOf, suspicionsOf } from "./study.ts";

/** What is studied, and what the study needs. */
export type StudyWish =
  | { readonly kind: "cases"; readonly input: StudyInput }
  | { readonly kind: "suspicions"; readonly input: Omit<StudyInput, "modelVersion"> }
  | { readonly kind: "choice"; readonly input: ChoiceStudyInput };

function resultOf(wish: StudyWish): unknown {
  if (wish.kind === "cases") return studyOf(wish.input);
  return wish.kind === "choice" ? choiceStudyOf(wish.input) : suspicionsOf(wish.input);
}

parentPort?.postMessage(resultOf(workerData as StudyWish));
