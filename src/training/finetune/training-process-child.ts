/** Child process of training-process.ts: holds the weights, runs the gradient graph and the optimiser. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { MODEL_INPUT } from "../../contracts/model-bundle.ts";
import { answerRequests } from "../../platform/request-process.ts";
import { channelMeanOutput, channelSquareOutput } from "../../onnx/channel-statistics.ts";
import { channelBlockProbe, PROBE_CHANNELS } from "../../onnx/blocked-channels.ts";
import { encodeModel } from "../../onnx/model-file.ts";
import { gradientOutput, lossOutput } from "../../onnx/gradient/training-graph.ts";
import { Adam } from "./adam.ts";
import type {
  BatchInput,
  ChannelBlock,
  OpenMessage,
  StepMessage,
  StepResult,
  TrainingAnswer,
  TrainingRequest,
  TrainingState,
} from "./training-messages.ts";

interface OpenRun {
  readonly message: OpenMessage;
  readonly frozen: InferenceSession;
  readonly step: InferenceSession;
  readonly forward: InferenceSession;
  readonly statistics: InferenceSession;
  readonly adam: Adam;
  /** Where the step writes its gradients. */
  readonly gradients: Readonly<Record<string, Tensor | null>>;
  /** The step's input. */
  prepared: Tensor | undefined;
}

let run: OpenRun | undefined;

const openRun = (): OpenRun => {
  if (run === undefined) throw new Error("no training run is open");
  return run;
};

async function open(message: OpenMessage): Promise<null> {
  const previous = run;
  // A graph that is refused must not leave released ones behind.
  run = undefined;
  for (const session of [previous?.frozen, previous?.step, previous?.forward, previous?.statistics])
    await session?.release();
  const create = (model: Uint8Array): Promise<InferenceSession> => sessionOf(model, message.threads);
  const adam = new Adam(message.layers, message.optimizer);
  run = {
    message,
    frozen: await create(message.frozen),
    step: await create(message.step),
    forward: await create(message.forward),
    statistics: await create(message.statistics),
    adam,
    gradients: Object.fromEntries([
      ...message.targets.map((name) => [lossOutput({ targets: name }), null]),
      ...adam.parameters.map(({ name, gradient, dims }) => [
        gradientOutput(name),
        new Tensor("float32", gradient, dims),
      ]),
    ]),
    prepared: undefined,
  };
  return null;
}

const sessionOf = (model: Uint8Array, threads: number): Promise<InferenceSession> =>
  InferenceSession.create(model, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    // Threads that spin take the core on which the next batch is drawn: with two cores that costs more than it saves.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
    logSeverityLevel: 3,
  });

/** The block this machine's ONNX Runtime fills channels up to. */
async function channelBlock(): Promise<ChannelBlock> {
  let session: InferenceSession;
  try {
    session = await sessionOf(encodeModel(channelBlockProbe()), 1);
  } catch {
    // It has no blocked operators; the usual ones do.
    return { block: null };
  }
  const place = new Tensor("float32", new Float32Array(PROBE_CHANNELS), [1, PROBE_CHANNELS, 1, 1]);
  const { y } = await session.run({ x: place });
  await session.release();
  return { block: y?.dims[1] ?? null };
}

async function prepare(input: BatchInput): Promise<null> {
  const current = openRun();
  // A batch that fails must not leave the one before it to be trained on again.
  current.prepared = undefined;
  current.prepared = await features(input);
  return null;
}

async function features(input: BatchInput): Promise<Tensor> {
  const { frozen, message } = openRun();
  const outputs = await frozen.run({ [MODEL_INPUT]: new Tensor("uint8", input.data, input.dims) });
  const tensor = outputs[message.input];
  if (tensor === undefined) throw new Error(`the frozen part gave no ${message.input}`);
  return tensor;
}

const feeds = (adam: Adam, side: "values" | "average"): Record<string, Tensor> =>
  Object.fromEntries(
    adam.parameters.map((parameter) => [parameter.name, new Tensor("float32", parameter[side], parameter.dims)]),
  );

async function takeStep({ targets, learningRate }: StepMessage): Promise<StepResult> {
  const { message, step, adam, gradients, prepared } = openRun();
  if (prepared === undefined) throw new Error("no batch was prepared for the step");
  const inputs = feeds(adam, "values");
  inputs[message.input] = prepared;
  message.targets.forEach((name, index) => {
    const target = targets[index];
    if (target !== undefined) inputs[name] = new Tensor("float32", target.data, target.dims);
  });
  const outputs = await step.run(inputs, gradients);
  const { norm, applied } = adam.step(learningRate);
  const losses = message.targets.map((name) => floats(outputs[lossOutput({ targets: name })], name)[0] ?? NaN);
  return { losses, gradientNorm: norm, applied };
}

/** Channels that hardly move would otherwise be blown up. */
const SPREAD_FLOOR_SHARE = 0.1;

/** Measures what passes through each layer at the present weights; steps are sized by it from now on. */
async function rescale(batches: readonly BatchInput[]): Promise<null> {
  const { message, statistics, adam } = openRun();
  const sums = new Map<string, Float64Array>();
  for (const batch of batches) {
    const inputs = feeds(adam, "values");
    inputs[message.input] = await features(batch);
    const outputs = await statistics.run(inputs);
    for (const name of statistics.outputNames) {
      const before = sums.get(name);
      const share = Float64Array.from(floats(outputs[name], name), (value) => value / batches.length);
      sums.set(name, before === undefined ? share : share.map((value, channel) => value + (before[channel] ?? 0)));
    }
  }
  const means = (tensor: string): Float64Array => sums.get(channelMeanOutput(tensor)) ?? new Float64Array();
  const spreadsOf = (tensor: string): Float64Array =>
    spreads(means(tensor), sums.get(channelSquareOutput(tensor)) ?? new Float64Array());
  adam.rescale(
    adam.layers.map((_, index) => {
      const [input = "", output = ""] = message.watched.slice(2 * index, 2 * index + 2);
      return {
        inputMeans: Float32Array.from(means(input)),
        inputSpreads: Float32Array.from(spreadsOf(input)),
        outputSpreads: Float32Array.from(spreadsOf(output)),
      };
    }),
  );
  return null;
}

function spreads(means: Float64Array, squares: Float64Array): Float64Array {
  const raw = squares.map((square, channel) => Math.sqrt(Math.max(0, square - (means[channel] ?? 0) ** 2)));
  const floor = (SPREAD_FLOOR_SHARE * raw.reduce((sum, value) => sum + value, 0)) / raw.length + 1e-6;
  return raw.map((value) => Math.max(value, floor));
}

async function predict(input: BatchInput): Promise<Float32Array> {
  const { message, forward, adam } = openRun();
  const inputs = feeds(adam, "average");
  inputs[message.input] = await features(input);
  const outputs = await forward.run(inputs);
  return floats(outputs[message.logits], message.logits);
}

function floats(tensor: Tensor | undefined, name: string): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error(`output ${name} is not float32`);
  return tensor.data;
}

function state(): TrainingState {
  const { parameters, layers, stepCount } = openRun().adam;
  return {
    step: stepCount,
    names: parameters.map(({ name }) => name),
    values: parameters.map(({ values }) => values.slice()),
    averages: parameters.map(({ average }) => average.slice()),
    momenta: parameters.map(({ momentum }) => momentum.slice()),
    variances: parameters.map(({ variance }) => variance.slice()),
    means: layers.map(({ means }) => means.slice()),
    sizes: layers.map(({ sizes }) => sizes.slice()),
    outputSpreads: layers.map(({ outputSpreads }) => outputSpreads.slice()),
  };
}

function restore(saved: TrainingState): null {
  const { adam } = openRun();
  adam.stepCount = saved.step;
  adam.parameters.forEach((parameter, index) => {
    parameter.values.set(saved.values[index] ?? []);
    parameter.average.set(saved.averages[index] ?? []);
    parameter.momentum.set(saved.momenta[index] ?? []);
    parameter.variance.set(saved.variances[index] ?? []);
  });
  adam.layers.forEach((layer, index) => {
    layer.means.set(saved.means[index] ?? []);
    layer.sizes.set(saved.sizes[index] ?? []);
    layer.outputSpreads.set(saved.outputSpreads[index] ?? []);
  });
  return null;
}

async function answer(request: TrainingRequest): Promise<TrainingAnswer> {
  switch (request.kind) {
    case "open":
      return open(request);
    case "step":
      return takeStep(request);
    case "block":
      return channelBlock();
    case "prepare":
      return prepare(request.input);
    case "predict":
      return predict(request.input);
    case "rescale":
      return rescale(request.inputs);
    case "state":
      return state();
    case "restore":
      return restore(request.state);
  }
}

answerRequests(answer);
