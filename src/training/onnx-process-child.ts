/** Child process of onnx-process.ts: holds one model at a time and runs it. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { answerRequests } from "../platform/request-process.ts";
import type { OnnxAnswer, OnnxRequest } from "./onnx-process.ts";

let session: InferenceSession | undefined;

async function answer(request: OnnxRequest): Promise<OnnxAnswer> {
  if (request.kind === "load") {
    const previous = session;
    // A model that is refused must not leave a released one behind.
    session = undefined;
    await previous?.release();
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

answerRequests(answer);
