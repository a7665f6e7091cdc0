import { get, post } from "./api.js";
import { openDialog } from "./dialog.js";
import { field, make, select } from "./dom.js";
import { dayText } from "./format.js";
import { toast } from "./toast.js";
import { modelWords } from "./texts-models.js";

const { runs: text } = modelWords;
const AUGMENTS = ["none", "light", "standard", "strong"];

/** The diagnosis' steps that say something about the options of a training, with what they would change. */
async function adviceOf(project, advice) {
  const { next } = await get("diagnosis", { project }).catch(() => ({ next: { steps: [] } }));
  return next.steps.flatMap((step) => {
    const found = advice.find(({ rule }) => rule === step.rule);
    return found === undefined ? [] : [{ ...found, title: step.title }];
  });
}

/** Asks for a training's options and starts it. The job, or null where it was closed. */
export async function askTraining(workbench, { versions, bases, models, active, last, advice }) {
  const project = workbench.project.id;
  if (versions.length === 0) return (toast(text.noVersions, false), null);
  const startFrom = [
    ...models
      .filter(({ trainable }) => trainable)
      .toSorted((one, other) => Number(other.id === active) - Number(one.id === active))
      .map(({ id, name, version }) => [
        id,
        id === active ? text.activeBase(`${name} ${version}`) : `${name} ${version}`,
      ]),
    ...bases.map((base) => [base, base]),
  ];
  if (startFrom.length === 0) return (toast(text.noBases, false), null);
  const steps = await adviceOf(project, advice);
  const sentence = make("p", { className: "hint", role: "status", textContent: steps[0]?.sentence ?? "" });
  const layers = Object.entries(text.layerNames);
  if (!layers.some(([name]) => name === last.layers)) layers.push([last.layers, last.layers]);
  const poolings = Object.entries(text.poolingNames);
  if (!poolings.some(([name]) => name === (last.pooling ?? ""))) poolings.push([last.pooling, last.pooling]);
  const controls = {
    layers: select("layers", layers, last.layers),
    augment: select(
      "augment",
      AUGMENTS.map((name) => [name, name]),
      last.augment,
    ),
    epochs: make("input", { name: "epochs", type: "number", min: "1", value: last.epochs ?? "" }),
  };
  const follow = (index) => {
    const step = steps[Number(index)];
    sentence.textContent = step?.sentence ?? "";
    const { options } = step ?? { options: last };
    controls.layers.value = options.layers;
    controls.augment.value = options.augment;
    controls.epochs.value = options.epochs ?? "";
  };
  const adviceChoice = select(
    "advice",
    [...steps.map(({ title }, index) => [String(index), title]), ["none", text.adviceNone]],
    steps.length > 0 ? "0" : "none",
    { onchange: (event) => follow(event.target.value) },
  );
  if (steps.length > 0) follow(0);
  const known = startFrom.some(([id]) => id === last.base);
  const base = known && startFrom[0][0] !== active ? last.base : startFrom[0][0];
  let job = null;
  await openDialog({
    title: text.dialog,
    wide: true,
    body: [
      field(text.advice, adviceChoice),
      sentence,
      field(
        text.version,
        select(
          "datasetSha256",
          versions.map(({ sha256, name, cases, createdAt }) => [
            sha256,
            `${name}, ${cases} images, ${dayText(createdAt)}`,
          ]),
          versions[0].sha256,
        ),
      ),
      field(text.base, select("base", startFrom, base)),
      make(
        "div",
        { className: "columns-2" },
        field(text.layers, controls.layers),
        field(text.augment, controls.augment),
        field(
          text.size,
          make("input", { name: "sizePx", type: "number", min: "32", max: "4096", step: "32", value: last.sizePx }),
        ),
        field(text.epochs, controls.epochs, text.epochsHint),
        field(text.pooling, select("pooling", poolings, last.pooling ?? ""), text.poolingHint),
        field(text.seed, make("input", { name: "seed", type: "number", min: "0", value: last.seed })),
      ),
      field(text.note, make("textarea", { name: "note", rows: 2, maxLength: 2000 })),
    ],
    yes: text.start,
    check: async ({ datasetSha256, base: from, layers: trained, augment, pooling, sizePx, epochs, seed, note }) => {
      const numbers = { sizePx: Number(sizePx), epochs: epochs === "" ? null : Number(epochs), seed: Number(seed) };
      const wish = { project, datasetSha256, base: from, layers: trained, augment, note, ...numbers };
      ({ job } = await post("training", { ...wish, pooling: pooling || null, grid: last.grid ?? null }));
      return null;
    },
  });
  if (job !== null) toast(text.started);
  return job;
}
