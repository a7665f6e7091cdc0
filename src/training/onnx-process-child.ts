/** Child process of onnx-process.ts: holds one model at a time and runs it. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { ProcessReply, ProcessRequest, TensorValue } from "./onnx-process.ts";

let session: InferenceSession | undefined;

async function answer(request: ProcessRequest): Promise<readonly TensorValue[]> {
  if (request.kind === "load") {
    await session?.release();
    session = await InferenceSession.create(request.model, {
      executionProviders: ["cpu"],
      graphOptimizationLevel: "all",
      intraOpNumThreads: request.threads,
      // Lasting threads that spin would slow whatever else the machine does.
      extra: { session: { intra_op: { allow_spinning: "0" } } },
      logSeverityLevel: 3,
    });
    return [];
  }
  if (session === undefined) throw new Error("no model is loaded");
  const feeds = Object.fromEntries(
    request.inputs.map(({ name, type, data, dims }) => [name, new Tensor(type, data, dims)]),
  );
  const outputs = await session.run(feeds, request.outputs);
  return request.outputs.map((name) => {
    const tensor = outputs[name];
    if (!(tensor?.data instanceof Float32Array)) throw new Error(`output ${name} is not float32`);
    return { name, type: "float32", data: tensor.data, dims: tensor.dims };
  });
}

process.on("message", (request: ProcessRequest) => {
  const send = (reply: ProcessReply): void => void process.send?.(reply);
  answer(request).then(
    (outputs) => send({ id: request.id, outputs }),
    (error: unknown) => send({ id: request.id, error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
