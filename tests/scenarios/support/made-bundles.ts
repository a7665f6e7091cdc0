import { createHash } from "node:crypto";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { BundleManifest } from "../../../src/contracts/model-bundle.ts";
import { decodeModel, encodeModel, makeModel, type Model } from "../../../src/onnx/model-file.ts";
import { makeNode } from "../../../src/onnx/node.ts";
import { AttributeProto_AttributeType, AttributeProtoSchema, TensorProtoSchema } from "../../../src/onnx/onnx-pb.ts";
import { makeTensor } from "../../../src/onnx/tensor.ts";
import { DataType, makeValueInfo } from "../../../src/onnx/value-info.ts";
import { TINY_BUNDLE } from "./station.ts";

/**
 * What a model does besides judging like the tiny one. `after`: it draws a lot with a fixed seed at each run of its
 * process, and the first bad lot comes at about that run (the same one on each machine).
 */
export type Misbehaviour =
  | { readonly does: "throw" | "hang" | "crash"; readonly after: "at once" | "some runs" | "many runs" }
  | { readonly does: "slow"; readonly loops: number }
  | { readonly does: "pass" }
  | { readonly does: "nothing" };

type Manifest = { -readonly [K in keyof BundleManifest]: BundleManifest[K] };

/** A copy of the tiny bundle as version `version`, with a graph that misbehaves; returns its folder. */
export function madeBundle(folder: string, version: string, misbehaviour: Misbehaviour): string {
  cpSync(TINY_BUNDLE, folder, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Manifest;
  manifest.version = version;
  const model = decodeModel(readFileSync(join(folder, "model.onnx")));
  model.producerVersion = version; // its hash is its own
  if (misbehaviour.does === "pass") manifest.decision = { temperature: 1, passBelow: 1, rejectFrom: 1 };
  else if (misbehaviour.does !== "nothing") misbehave(model, misbehaviour);
  const bytes = encodeModel(model);
  writeFileSync(join(folder, "model.onnx"), bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  manifest.files = { ...manifest.files, "model.onnx": { sha256, bytes: bytes.length } };
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  return folder;
}

/** Chance of a bad lot, and a seed with which the first one comes at the run in the comment. */
const LOTS = {
  "at once": { chance: 1, seed: 1 },
  "some runs": { chance: 0.006, seed: 789 }, // 74
  "many runs": { chance: 0.006, seed: 844 }, // 130
} as const;

/** Probabilities stay what they were, plus a nought that takes some trouble to compute. */
function misbehave(model: Model, what: Exclude<Misbehaviour, { does: "pass" | "nothing" }>): void {
  const { graph } = model;
  for (const node of graph.node) node.output = node.output.map((name) => (name === "probabilities" ? "judged" : name));
  const constant = (name: string, value: number): void =>
    void graph.initializer.push(makeTensor(name, [], Float32Array.of(value)));
  const add = (opType: string, inputs: string[], output: string, attributes = {}): void =>
    void graph.node.push(makeNode({ opType, name: `${output}.node`, inputs, outputs: [output], attributes }));
  if (what.does === "slow") constant("bad", 1);
  else {
    const { chance, seed } = LOTS[what.after];
    add("RandomUniform", [], "lot", { shape: { ints: [1] }, seed: { float: seed } });
    constant("chance", chance);
    add("Less", ["lot", "chance"], "isBad");
    add("Cast", ["isBad"], "badVector", { to: { int: DataType.FLOAT } });
    graph.initializer.push(makeTensor("noAxes", [0], new BigInt64Array(0)));
    add("Reshape", ["badVector", "noAxes"], "bad");
  }
  if (what.does === "throw") {
    graph.initializer.push(makeTensor("only", [1], Float32Array.of(0)));
    constant("far", 9);
    add("Mul", ["bad", "far"], "where");
    add("Cast", ["where"], "index", { to: { int: DataType.INT64 } });
    add("Gather", ["only", "index"], "nought");
  } else if (what.does === "crash") {
    constant("one", 1);
    constant("two", 2);
    add("Mul", ["bad", "two"], "twice");
    add("Sub", ["one", "twice"], "divisor");
    add("Cast", ["divisor"], "intDivisor", { to: { int: DataType.INT32 } });
    graph.initializer.push(makeTensor("least", [], Int32Array.of(-(2 ** 31))));
    // By -1 the quotient is one too large for 32 bits: the processor stops the process.
    add("Div", ["least", "intDivisor"], "quotient");
    add("Cast", ["quotient"], "floatQuotient", { to: { int: DataType.FLOAT } });
    constant("zero", 0);
    add("Mul", ["floatQuotient", "zero"], "nought");
  } else {
    constant("loops", what.does === "slow" ? what.loops : 1e12);
    add("Mul", ["bad", "loops"], "tripsFloat");
    add("Cast", ["tripsFloat"], "trips", { to: { int: DataType.INT64 } });
    constant("begin", 0);
    addLoop(model, "trips", "begin", "nought");
  }
  add("Add", ["judged", "nought"], "probabilities");
}

/** nought = begin + 0, `trips` times. */
function addLoop({ graph }: Model, trips: string, begin: string, output: string): void {
  const body = makeModel("body").graph;
  const bool = (name: string) => makeValueInfo(name, DataType.BOOL, []);
  body.input.push(makeValueInfo("turn", DataType.INT64, []), bool("goOn"), makeValueInfo("sum", DataType.FLOAT, []));
  body.initializer.push(makeTensor("bodyZero", [], Float32Array.of(0)));
  body.node.push(
    makeNode({ opType: "Add", name: "sum.node", inputs: ["sum", "bodyZero"], outputs: ["sumOut"] }),
    makeNode({ opType: "Identity", name: "goOn.node", inputs: ["goOn"], outputs: ["goOnOut"] }),
  );
  body.output.push(bool("goOnOut"), makeValueInfo("sumOut", DataType.FLOAT, []));
  graph.initializer.push(
    create(TensorProtoSchema, { name: "always", dims: [], dataType: DataType.BOOL, rawData: Uint8Array.of(1) }),
  );
  const loop = makeNode({ opType: "Loop", name: "loop", inputs: [trips, "always", begin], outputs: [output] });
  loop.attribute.push(
    create(AttributeProtoSchema, { name: "body", type: AttributeProto_AttributeType.GRAPH, g: body }),
  );
  graph.node.push(loop);
}
