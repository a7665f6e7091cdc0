import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { siblingModule } from "../platform/sibling-module.ts";

export type TensorValue =
  | { readonly name: string; readonly type: "float32"; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly name: string; readonly type: "uint8"; readonly data: Uint8Array; readonly dims: readonly number[] };

export type ProcessRequest = { readonly id: number } & (
  | { readonly kind: "load"; readonly model: Uint8Array; readonly threads: number }
  | { readonly kind: "run"; readonly inputs: readonly TensorValue[]; readonly outputs: readonly string[] }
);
export type ProcessReply = { readonly id: number } & ({ outputs: readonly TensorValue[] } | { error: string });

interface Waiting {
  resolve(outputs: readonly TensorValue[]): void;
  reject(error: Error): void;
}

/**
 * ONNX Runtime in a child process of its own: its blocking runs do not stop this process, and it never shares an
 * address space with TensorFlow. One model at a time; requests are answered in order.
 */
export class OnnxProcess {
  private child: ChildProcess | undefined;
  private nextId = 1;
  private readonly waiting = new Map<number, Waiting>();

  start(): void {
    const child = fork(fileURLToPath(siblingModule(import.meta.url, "onnx-process-child")), [], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child.on("message", (reply: ProcessReply) => this.settle(reply));
    child.on("exit", (code, signal) => this.failAll(new Error(`the ONNX Runtime process ended (${signal ?? code})`)));
    child.on("error", (error) => this.failAll(error));
    this.child = child;
  }

  /** Rejects with ONNX Runtime's sentence when the model is refused. */
  async load(model: Uint8Array, threads = 2): Promise<void> {
    await this.request({ kind: "load", model, threads });
  }

  /** Runs the model; the outputs must be float32 and come in the order of `outputNames`. */
  async run(inputs: readonly TensorValue[], outputNames: readonly string[]): Promise<readonly Float32Array[]> {
    const outputs = await this.request({ kind: "run", inputs, outputs: outputNames });
    return outputs.map(({ name, data }) => {
      if (data instanceof Float32Array) return data;
      throw new Error(`output ${name} is not float32`);
    });
  }

  async stop(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.disconnect();
    await exited;
  }

  private request(
    content: { kind: "load"; model: Uint8Array; threads: number } | RunContent,
  ): Promise<readonly TensorValue[]> {
    const child = this.child;
    if (child === undefined) return Promise.reject(new Error("the ONNX Runtime process is not running"));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      child.send({ id, ...content }, (error) => {
        if (error !== null) this.settle({ id, error: error.message });
      });
    });
  }

  private settle(reply: ProcessReply): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ("error" in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.outputs);
  }

  private failAll(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

type RunContent = { kind: "run"; inputs: readonly TensorValue[]; outputs: readonly string[] };
