import { Worker } from "node:worker_threads";
import type { Clock } from "../../platform/clock.ts";
import { endThread } from "../../platform/end-thread.ts";
import type { Service } from "../../platform/services.ts";
import { siblingModule } from "../../platform/sibling-module.ts";
import type { Database } from "../store/database.ts";
import { requireProject } from "./project-record.ts";
import type { ChoiceStudy } from "./choice-study.ts";
import type { Study, StudyInput, Suspicions } from "./study.ts";
import type { StudyWish } from "./study-worker.ts";
import { labelStamp, studyCases } from "./study-cases.ts";

interface Kept<T> {
  readonly stamp: string;
  readonly study: Promise<T>;
}

const SEED = 1;
const END_WITHIN_MS = 1000;

/**
 * Studies of labelled cases, in a thread of their own and one at a time: people who look at the gallery meanwhile do not
 * wait. The last one of a project is kept until a label changes.
 */
export class AnalysisDesk implements Service {
  readonly name = "analysis-desk";
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept<Study>>();
  readonly #choices = new Map<string, Kept<ChoiceStudy>>();
  #turn: Promise<unknown> = Promise.resolve();
  #choiceTurn: Promise<unknown> = Promise.resolve();
  readonly #workers = new Set<Worker>();
  #stopped = false;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#stopped = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#workers].map((worker) => endThread(worker, this.#clock, END_WITHIN_MS)));
  }

  /** Rejects where there is no such project, or when the desk is stopped meanwhile. */
  async study(project: string): Promise<Study> {
    const stamp = await labelStamp(this.#database, project);
    const kept = this.#kept.get(project);
    if (kept?.stamp === stamp) return kept.study;
    const study = this.#turn.then(() => this.#make(project));
    this.#turn = study.catch(() => undefined);
    this.#kept.set(project, { stamp, study });
    study.catch(() => this.#kept.delete(project));
    return study;
  }

  /**
   * The labels-against-AUROC curve of chosen and random frames; computed anew when asked for after a label has changed.
   * Rejects like `study`.
   */
  async choice(project: string): Promise<ChoiceStudy> {
    const stamp = await labelStamp(this.#database, project);
    const kept = this.#choices.get(project);
    if (kept?.stamp === stamp) return kept.study;
    const study = this.#choiceTurn.then(() => this.#makeChoice(project));
    this.#choiceTurn = study.catch(() => undefined);
    this.#choices.set(project, { stamp, study });
    study.catch(() => this.#choices.delete(project));
    return study;
  }

  /** The labels that are probably wrong, as in a study, which takes several times as long. Rejects like `study`. */
  async suspicions(project: string): Promise<Suspicions> {
    const made = this.#turn.then(async () =>
      this.#run<Suspicions>({ kind: "suspicions", input: await this.#input(project) }),
    );
    this.#turn = made.catch(() => undefined);
    return made;
  }

  async #make(project: string): Promise<Study> {
    return this.#run<Study>({ kind: "cases", input: await this.#input(project) });
  }

  async #input(project: string): Promise<StudyInput> {
    const { classes } = await requireProject(this.#database, project);
    const found = await studyCases(this.#database, project);
    return { ...found, classes: classes.map(({ name }) => name), seed: SEED };
  }

  async #makeChoice(project: string): Promise<ChoiceStudy> {
    const { classes } = await requireProject(this.#database, project);
    const { cases } = await studyCases(this.#database, project);
    const goodLabels = classes.filter(({ kind }) => kind === "good").map(({ name }) => name);
    return this.#run<ChoiceStudy>({ kind: "choice", input: { cases, goodLabels, seed: SEED } });
  }

  #run<T>(wish: StudyWish): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) {
        reject(new Error("the hub is being stopped"));
        return;
      }
      const worker = new Worker(siblingModule(import.meta.url, "study-worker"), { workerData: wish });
      this.#workers.add(worker);
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => {
        this.#workers.delete(worker);
        reject(new Error("the analysis ended without a result"));
      });
    });
  }
}
