import { RequestProcess } from "../../platform/request-process.ts";
import { siblingModule } from "../../platform/sibling-module.ts";
import type {
  BatchInput,
  OpenMessage,
  StepMessage,
  StepResult,
  TrainingAnswer,
  TrainingRequest,
  TrainingState,
} from "./training-messages.ts";

/** The process that holds a training run: its weights, its gradient graph, its optimiser. One run at a time. */
export class TrainingProcess {
  readonly #process = new RequestProcess<TrainingRequest, TrainingAnswer>(
    siblingModule(import.meta.url, "training-process-child"),
    "training process",
  );

  start(): void {
    this.#process.start();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  async open(run: Omit<OpenMessage, "kind">): Promise<void> {
    await this.#process.ask({ kind: "open", ...run });
  }

  /** What the gradient graph is to be written for, see onnx/blocked-channels.ts. */
  async channelBlock(): Promise<number | null> {
    const answer = await this.#process.ask({ kind: "block" });
    if (answer !== null && "block" in answer) return answer.block;
    throw new Error("the training process did not tell its channel block");
  }

  /**
   * Runs the frozen part on a batch for the steps that follow. Asked while a step is being taken, the pixels travel
   * meanwhile.
   */
  async prepare(input: BatchInput): Promise<void> {
    await this.#process.ask({ kind: "prepare", input });
  }

  /** One optimiser step on the batch prepared last, of the size the gradient graph was written for. */
  async step(batch: Omit<StepMessage, "kind">): Promise<StepResult> {
    const answer = await this.#process.ask({ kind: "step", ...batch });
    if (answer !== null && "losses" in answer) return answer;
    throw new Error("the training process answered a step with something else");
  }

  /** Logits [N, classes] by the averaged weights. */
  predict(input: BatchInput): Promise<Float32Array> {
    return this.#floats({ kind: "predict", input });
  }

  /** Sizes steps by what passes through the layers on these batches, see adam.ts. */
  async rescale(inputs: readonly BatchInput[]): Promise<void> {
    await this.#process.ask({ kind: "rescale", inputs });
  }

  async state(): Promise<TrainingState> {
    const answer = await this.#process.ask({ kind: "state" });
    if (answer !== null && "averages" in answer) return answer;
    throw new Error("the training process gave no state");
  }

  async restore(state: TrainingState): Promise<void> {
    await this.#process.ask({ kind: "restore", state });
  }

  async #floats(request: TrainingRequest): Promise<Float32Array> {
    const answer = await this.#process.ask(request);
    if (answer instanceof Float32Array) return answer;
    throw new Error("the training process gave no values");
  }
}
