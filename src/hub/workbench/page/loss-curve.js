import { make, makeSvg } from "./dom.js";
import { countText } from "./format.js";
import { modelWords } from "./texts-models.js";

const { runs: text } = modelWords;
const WIDTH = 720;
const HEIGHT = 220;
const BOX = { left: 44, right: 14, top: 10, bottom: 34 };
const LINES = 4;

/** Loss over the steps of one stage: of the batches, smoothed, and of the held-out parts. */
export function lossCurve(points) {
  const stages = [...Map.groupBy(points, ({ stage }) => stage)];
  return make("div", { className: "loss-curves" }, ...stages.map(([stage, ofStage]) => stageCurve(stage, ofStage)));
}

/** Mean of a sliding window: single batches jump. */
function smoothed(points) {
  const window = Math.max(1, Math.round(points.length / 40));
  return points.map(({ step }, at) => {
    const near = points.slice(Math.max(0, at - window + 1), at + 1);
    return [step, near.reduce((sum, { loss }) => sum + loss, 0) / near.length];
  });
}

function stageCurve(stage, points) {
  const sorted = points.toSorted((one, other) => one.step - other.step);
  const last = sorted.at(-1);
  const held = sorted.filter(({ heldOutLoss }) => heldOutLoss !== null).map((each) => [each.step, each.heldOutLoss]);
  const batch = smoothed(sorted);
  const top = Math.max(0.01, ...batch.map(([, loss]) => loss), ...held.map(([, loss]) => loss)) * 1.06;
  const most = Math.max(2, last.total > last.step * 4 ? last.step * 1.15 : last.total);
  const x = (step) => BOX.left + ((WIDTH - BOX.left - BOX.right) * (step - 1)) / Math.max(1, most - 1);
  const y = (loss) => HEIGHT - BOX.bottom - ((HEIGHT - BOX.top - BOX.bottom) * Math.min(loss, top)) / top;
  const path = (values) =>
    values.map(([step, loss], at) => `${at === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
  const ticks = Array.from({ length: LINES + 1 }, (_, at) => (top * at) / LINES);
  const svg = makeSvg(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      class: "curve",
      role: "img",
      "aria-label": text.curveLabel(stage, countText(last.step), last.loss.toFixed(3)),
    },
    ...ticks.flatMap((value) => [
      makeSvg("line", { class: "grid-line", x1: BOX.left, x2: WIDTH - BOX.right, y1: y(value), y2: y(value) }),
      makeSvg(
        "text",
        { class: "tick-text", x: BOX.left - 8, y: y(value) + 4, "text-anchor": "end" },
        value.toFixed(top < 1 ? 2 : 1),
      ),
    ]),
    ...[1, most / 2, most].map((step) =>
      makeSvg(
        "text",
        { class: "tick-text", x: x(step), y: HEIGHT - 12, "text-anchor": step === most ? "end" : "middle" },
        countText(Math.round(step)),
      ),
    ),
    makeSvg("path", { class: "line-of train", d: path(batch) }),
    held.length > 1 && makeSvg("path", { class: "line-of validation", d: path(held) }),
  );
  const legend = make(
    "ul",
    { className: "curve-legend" },
    make("li", { className: "train", textContent: text.training }),
    held.length > 1 && make("li", { className: "validation", textContent: text.heldOut }),
  );
  const caption = `${stage}, ${countText(last.step)} / ${countText(last.total)} ${text.axis}`;
  return make("figure", { className: "curve-figure" }, make("figcaption", { textContent: caption }), legend, svg);
}
