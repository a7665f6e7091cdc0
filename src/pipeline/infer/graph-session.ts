import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { messageOf } from "../../contracts/errors.ts";
import { MODEL_INPUT, MODEL_OUTPUTS } from "../../contracts/model-bundle.ts";
import { systemClock } from "../../platform/clock.ts";
import { signatureProblem, type GraphValue } from "./graph-signature.ts";
import type { ProviderName } from "./inference-engine.ts";
import { outputProblem } from "./output-check.ts";
import type { LoadOrder, RunReport } from "./process-frames.ts";

/** Why a graph was not taken: `provider` when another one may still run it, `bundle` when none would. */
export class RefusedGraph extends Error {
  readonly fault: "provider" | "bundle";

  constructor(fault: "provider" | "bundle", detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.fault = fault;
  }
}

/** y = relu(x) of one float: small enough to ask a provider whether it exists at all. */
const PROBE_GRAPH = "CAg6MwoMCgF4EgF5IgRSZWx1EgFwWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQDQ==";

/** Throws RefusedGraph with onnxruntime's own words where the provider cannot run anything. */
export async function probeProvider(provider: ProviderName): Promise<void> {
  const session = await create(Buffer.from(PROBE_GRAPH, "base64"), provider, 1);
  try {
    await session.run({ x: new Tensor("float32", new Float32Array([1]), [1]) });
  } catch (error) {
    throw new RefusedGraph("provider", messageOf(error), { cause: error });
  } finally {
    await session.release();
  }
}

export interface RunOutput extends Omit<RunReport, "id"> {
  /** Probabilities, embedding, heatmap, row-major. */
  readonly results: readonly Float32Array[];
}

/** One model in onnxruntime, inside an inference process. */
export class GraphSession {
  /** Bytes of one region: height * width * 3. */
  readonly regionBytes: number;
  readonly #session: InferenceSession;
  readonly #order: LoadOrder;

  private constructor(session: InferenceSession, order: LoadOrder) {
    this.#session = session;
    this.#order = order;
    this.regionBytes = order.heightPx * order.widthPx * 3;
  }

  /** Throws RefusedGraph. The bytes are hashed again here: what runs is exactly what was checked. */
  static async open(order: LoadOrder): Promise<GraphSession> {
    const bytes = await readFile(order.path).catch((error: unknown) => {
      throw new RefusedGraph("bundle", `${order.path} cannot be read: ${messageOf(error)}`, { cause: error });
    });
    if (createHash("sha256").update(bytes).digest("hex") !== order.sha256) {
      throw new RefusedGraph("bundle", `${order.path} changed after its bundle was checked`);
    }
    const session = await create(bytes, order.provider, order.threads).catch((error: unknown) => {
      const detail = `${order.path} cannot be loaded: ${messageOf(error)}`;
      throw new RefusedGraph(order.provider === "cpu" ? "bundle" : "provider", detail, { cause: error });
    });
    const graph = { inputs: session.inputMetadata.map(asValue), outputs: session.outputMetadata.map(asValue) };
    const problem = signatureProblem(graph, order);
    if (problem === null) return new GraphSession(session, order);
    await session.release();
    throw new RefusedGraph("bundle", `${order.path} ${problem}`);
  }

  /** Throws an Error that says in words why there is no answer. `pixels` must stay as they are until it settles. */
  async run(pixels: Uint8Array, count: number): Promise<RunOutput> {
    const { heightPx, widthPx, classCount } = this.#order;
    const image = new Tensor("uint8", pixels, [count, heightPx, widthPx, 3]);
    const startedTick = systemClock.tick();
    const outputs = await this.#session.run({ [MODEL_INPUT]: image }, [...MODEL_OUTPUTS]);
    const inferMs = systemClock.tick() - startedTick;
    const probabilities = floatOutput(outputs, "probabilities", [count, classCount]);
    const embedding = floatOutput(outputs, "embedding", [count, null]);
    const heatmap = floatOutput(outputs, "heatmap", [count, classCount, null, null]);
    const problem = outputProblem(
      { probabilities: probabilities.data, embedding: embedding.data, heatmap: heatmap.data },
      classCount,
    );
    if (problem !== null) throw new Error(problem);
    return {
      results: [probabilities.data, embedding.data, heatmap.data],
      embeddingSize: embedding.dims[1] ?? 0,
      heatmapHeight: heatmap.dims[2] ?? 0,
      heatmapWidth: heatmap.dims[3] ?? 0,
      inferMs,
    };
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** No spinning: idle threads of a pool would burn the cores that capture and publishing need. */
const create = (bytes: Uint8Array, provider: ProviderName, threads: number): Promise<InferenceSession> =>
  InferenceSession.create(bytes, {
    // What TensorRT cannot take of a graph runs on CUDA, which comes with it.
    executionProviders: provider === "tensorrt" ? ["tensorrt", "cuda"] : [provider],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { "session.intra_op.allow_spinning": "0" },
  });

const asValue = (value: InferenceSession.ValueMetadata): GraphValue =>
  value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape }
    : { name: value.name, type: "none", shape: [] };

/** `shape` with null where any size will do. */
function floatOutput(
  outputs: InferenceSession.OnnxValueMapType,
  name: string,
  shape: readonly (number | null)[],
): { data: Float32Array; dims: readonly number[] } {
  const output = outputs[name];
  const dims = output?.dims ?? [];
  if (!(output?.data instanceof Float32Array)) throw new Error(`the output ${name} is not float32`);
  const fits = dims.length === shape.length && shape.every((wanted, at) => wanted === null || dims[at] === wanted);
  if (!fits) throw new Error(`the output ${name} has the shape [${dims.join(",")}]`);
  return { data: output.data, dims };
}
