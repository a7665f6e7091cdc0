import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SOURCE = fileURLToPath(new URL("../src", import.meta.url));

interface Import {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

const sourceFiles = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".d.ts") && !/^(imaging|training|hub\/cases)\/kernel\//.test(file),
  )
  .sort();

const textOf = new Map(sourceFiles.map((file) => [file, readFileSync(join(SOURCE, file), "utf8")]));

const imports: readonly Import[] = sourceFiles.flatMap((from) =>
  (textOf.get(from) ?? "").split("\n").flatMap((text, index) => {
    const specifier = /(?:^import |\bfrom |\bimport\()"([^"]+)"/.exec(text)?.[1];
    if (specifier === undefined) return [];
    const to = specifier.startsWith(".")
      ? relative(SOURCE, resolve(dirname(join(SOURCE, from)), specifier))
      : specifier;
    return [{ from, to, line: index + 1 }];
  }),
);

/** The room a file belongs to: the longest of these prefixes. */
const ROOMS = [
  "contracts",
  "platform",
  "config",
  "imaging",
  "http",
  "statistics",
  "report",
  "analysis",
  "datasets",
  "release",
  "drift",
  "onnx",
  "simulation",
  "training",
  "edge",
  "hub",
  "commands",
  "pipeline",
  "pipeline/capture",
  "pipeline/sanity",
  "pipeline/preprocess",
  "pipeline/infer",
  "pipeline/decide",
  "pipeline/journal",
  "pipeline/publish",
  "pipeline/uplink",
] as const;
type Room = (typeof ROOMS)[number] | "root";

function roomOf(file: string): Room {
  const rooms = ROOMS.filter((room) => file.startsWith(`${room}/`)).sort((left, right) => right.length - left.length);
  return rooms[0] ?? "root";
}

const FOUNDATION = ["contracts", "platform", "imaging"] as const;

/** Who may import whom, besides its own room. "pipeline" are the files directly in it: the frame and the straight path. */
const MAY_IMPORT: { readonly [R in Room]: readonly Room[] } = {
  contracts: [],
  platform: [],
  config: ["contracts", "platform"],
  imaging: ["contracts", "platform"],
  http: ["contracts", "platform"],
  statistics: ["contracts", "platform"],
  report: ["contracts", "platform", "statistics"],
  analysis: ["contracts", "platform", "statistics", "report"],
  datasets: [...FOUNDATION, "statistics"],
  release: ["contracts", "platform"],
  drift: ["contracts", "platform", "statistics"],
  onnx: ["contracts", "platform"],
  simulation: FOUNDATION,
  pipeline: [...FOUNDATION, "pipeline/sanity", "pipeline/decide"],
  "pipeline/capture": [...FOUNDATION, "pipeline", "simulation"],
  "pipeline/sanity": [...FOUNDATION, "pipeline"],
  "pipeline/preprocess": [...FOUNDATION, "pipeline"],
  "pipeline/infer": [...FOUNDATION, "pipeline"],
  "pipeline/decide": [...FOUNDATION, "pipeline"],
  "pipeline/journal": [...FOUNDATION, "pipeline"],
  "pipeline/publish": [...FOUNDATION, "pipeline", "pipeline/journal"],
  "pipeline/uplink": [...FOUNDATION, "pipeline", "pipeline/journal"],
  training: [
    ...FOUNDATION,
    "statistics",
    "datasets",
    "report",
    "onnx",
    "simulation",
    "pipeline",
    "pipeline/preprocess",
    "pipeline/infer",
    "pipeline/decide",
  ],
  edge: [
    ...FOUNDATION,
    "config",
    "http",
    "release",
    "drift",
    "statistics",
    "pipeline",
    "pipeline/capture",
    "pipeline/sanity",
    "pipeline/preprocess",
    "pipeline/infer",
    "pipeline/decide",
    "pipeline/journal",
    "pipeline/publish",
    "pipeline/uplink",
  ],
  hub: [...FOUNDATION, "config", "http", "statistics", "analysis", "datasets", "release", "drift"],
  commands: [
    ...FOUNDATION,
    "config",
    "http",
    "statistics",
    "report",
    "analysis",
    "datasets",
    "release",
    "drift",
    "onnx",
    "simulation",
    "training",
    "edge",
    "hub",
    "pipeline",
    "pipeline/capture",
    "pipeline/sanity",
    "pipeline/preprocess",
    "pipeline/infer",
    "pipeline/decide",
    "pipeline/journal",
    "pipeline/publish",
    "pipeline/uplink",
  ],
  root: [...FOUNDATION, "commands"],
};

test("every import obeys the rule table of src/README.md", () => {
  const broken = imports
    .filter(({ to }) => sourceFiles.includes(to))
    .filter(({ from, to }) => roomOf(from) !== roomOf(to) && !MAY_IMPORT[roomOf(from)].includes(roomOf(to)))
    .map(({ from, to, line }) => `${roomOf(from)} must not import ${roomOf(to)} (src/${from}:${line} imports ${to})`);
  expect(broken).toEqual([]);
});

test("every relative import names a file that exists", () => {
  const outside = imports.filter(({ to }) => to.startsWith("..") || (to.endsWith(".ts") && !sourceFiles.includes(to)));
  expect(outside).toEqual([]);
});

test("no import cycle, types included", () => {
  const edges = new Map<string, string[]>();
  for (const { from, to } of imports) if (sourceFiles.includes(to)) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of sourceFiles) visit(file, []);
  expect(cycles).toEqual([]);
});

/** One room a vendor: where a package is replaced, one room changes. */
const VENDORS: Readonly<Record<string, RegExp>> = {
  "onnxruntime-node": /^(pipeline\/infer|training)\/|^commands\/(bench|doctor)/,
  mqtt: /^pipeline\/publish\/|^commands\/doctor/,
  aedes: /^edge\/embedded-broker/,
  fastify: /^(edge\/status|http|hub)\//,
  "prom-client": /^(edge\/status|hub)\//,
  "node:sqlite": /^pipeline\/(journal|uplink)\/|^hub\/store\/|^commands\/doctor/,
  kysely: /^hub\//,
  pg: /^hub\/store\//,
  "pg-boss": /^hub\/jobs\//,
  "@aws-sdk/client-s3": /^hub\/store\//,
  "openid-client": /^hub\/people\//,
  sharp: /^imaging\/|^simulation\/contact-sheet/,
  "@julusian/jpeg-turbo": /^imaging\//,
  "@tensorflow/tfjs": /^training\//,
  "@tensorflow/tfjs-node": /^training\//,
  "modbus-serial": /^edge\/reject-signal\//,
  "node-webcam": /^pipeline\/capture\/webcam-source/,
  pino: /^platform\/logger/,
  yaml: /^config\//,
  "tuf-js": /^release\//,
  "@tufjs/models": /^release\//,
};

test("a vendor's package is imported in its own room only", () => {
  const strays = imports.filter(({ from, to }) => {
    const home = VENDORS[to];
    return home !== undefined && !home.test(from);
  });
  expect(strays).toEqual([]);
});

test("contracts import zod and nothing else", () => {
  const strays = imports.filter(
    ({ from, to }) => from.startsWith("contracts/") && !to.startsWith("contracts/") && to !== "zod",
  );
  expect(strays).toEqual([]);
});

/** Child processes and workers are entries of their own and may use the global clock. */
const ENTRY = /^(platform|commands)\/|^cli\.ts$|-(worker|process|child|process-child)\.ts$/;

test("time, chance and the environment come from outside, except in platform, commands and process entries", () => {
  const globals = /(?<!\.)\b(Date\.now|Math\.random|setTimeout|setInterval|process\.env)\b/;
  const strays = sourceFiles
    .filter((file) => !ENTRY.test(file))
    .flatMap((file) =>
      (textOf.get(file) ?? "")
        .split("\n")
        .flatMap((text, index) =>
          globals.test(text.replace(/\/\/.*|^\s*\*.*/, "")) ? [`src/${file}:${index + 1}: ${text.trim()}`] : [],
        ),
    );
  expect(strays).toEqual([]);
});

test("house style: no any, no non-null assertion, no console, no file over 400 lines", () => {
  const strays = sourceFiles
    .filter((file) => file !== "onnx/onnx-pb.ts")
    .flatMap((file) => {
      const lines = (textOf.get(file) ?? "").split("\n");
      const found = lines.flatMap((text, index) => {
        const code = text.replace(/"[^"]*"|`[^`]*`|\/\/.*|\/\*.*|^\s*\*.*/g, "");
        const bad = /:\s*any\b|<any>|as any\b|\w!\.|\w!\[|\bconsole\./.test(code);
        return bad ? [`src/${file}:${index + 1}: ${text.trim()}`] : [];
      });
      return lines.length > 400 ? [...found, `src/${file} has ${lines.length} lines`] : found;
    });
  expect(strays).toEqual([]);
});
