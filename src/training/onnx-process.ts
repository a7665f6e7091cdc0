import { RequestProcess } from "../platform/request-process.ts";
import { siblingModule } from "../platform/sibling-module.ts";

export type TensorValue =
  | { readonly name: string; readonly type: "float32"; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly name: string; readonly type: "uint8"; readonly data: Uint8Array; readonly dims: readonly number[] };

export type OnnxRequest =
  | { readonly kind: "load"; readonly model: Uint8Array; readonly threads: number }
  | { readonly kind: "run"; readonly inputs: readonly TensorValue[]; readonly outputs: readonly string[] };
export type OnnxAnswer = readonly TensorValue[];

/**
 * ONNX Runtime in a child process of its own: its blocking runs do not stop this process, and it never shares an
 * address space with TensorFlow. One model at a time; requests are answered in order.
 */
export class OnnxProcess {
  readonly #process = new RequestProcess<OnnxRequest, OnnxAnswer>(
    siblingModule(import.meta.url, "onnx-process-child"),
    "ONNX Runtime process",
  );

  start(): void {
    this.#process.start();
  }

  /** Rejects with ONNX Runtime's sentence when the model is refused. */
  async load(model: Uint8Array, threads = 2): Promise<void> {
    await this.#process.ask({ kind: "load", model, threads });
  }

  /** Runs the model; the outputs must be float32 and come in the order of `outputNames`. */
  async run(inputs: readonly TensorValue[], outputNames: readonly string[]): Promise<readonly Float32Array[]> {
    const outputs = await this.#process.ask({ kind: "run", inputs, outputs: outputNames });
    return outputs.map(({ name, data }) => {
      if (data instanceof Float32Array) return data;
      throw new Error(`output ${name} is not float32`);
    });
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
