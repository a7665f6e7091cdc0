import { make, makeSvg } from "./dom.js";
import { countText } from "./format.js";
import { words } from "./texts-analysis.js";

const { diagnosis: text } = words;
const WIDTH = 460;
const HEIGHT = 250;
const BOX = { left: 44, right: 18, top: 10, bottom: 40 };
const WAYS = ["policy", "random"];

/** AUROC over the number of labels, chosen and random frames, each with its interval. */
export function choiceCurvePlot({ curves, fullAuroc }) {
  const all = WAYS.flatMap((way) => curves[way]);
  const most = Math.max(...all.map(({ labels }) => labels));
  const low = Math.max(0, Math.min(...all.map(({ interval }) => interval.low)) - 0.01);
  const high = Math.min(1, Math.max(fullAuroc, ...all.map(({ interval }) => interval.high)) + 0.01);
  const x = (labels) => BOX.left + ((WIDTH - BOX.left - BOX.right) * labels) / most;
  const y = (auroc) => BOX.top + ((HEIGHT - BOX.top - BOX.bottom) * (high - auroc)) / (high - low);
  const line = (points) =>
    points.map(([at, value], index) => `${index === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const svg = makeSvg("svg", {
    ...{ viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img" },
    "aria-label": text.choiceLabel(countText(most)),
  });
  for (const value of [low, (low + high) / 2, high]) {
    svg.append(
      makeSvg("line", { class: "grid-line", x1: BOX.left, x2: WIDTH - BOX.right, y1: y(value), y2: y(value) }),
      makeSvg("text", { x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2)),
    );
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const labels = Math.round(most * share);
    svg.append(makeSvg("text", { x: x(labels), y: HEIGHT - 20, "text-anchor": "middle" }, countText(labels)));
  }
  svg.append(
    makeSvg("text", { x: (BOX.left + WIDTH) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, text.choiceLabels),
    makeSvg("path", {
      class: "line-of forecast",
      d: line([
        [0, fullAuroc],
        [most, fullAuroc],
      ]),
    }),
  );
  WAYS.forEach((way, index) => {
    const points = curves[way];
    const edge = [
      ...points.map(({ labels, interval }) => [labels, interval.high]),
      ...points.map(({ labels, interval }) => [labels, interval.low]).toReversed(),
    ];
    const kind = index === 0 ? "validation" : "train";
    svg.append(
      makeSvg("path", { class: "band", d: `${line(edge)}Z` }),
      makeSvg("path", { class: `line-of ${kind}`, d: line(points.map(({ labels, auroc }) => [labels, auroc])) }),
    );
  });
  const legend = make(
    "ul",
    { className: "curve-legend" },
    make("li", { className: "validation", textContent: text.choicePolicy }),
    make("li", { className: "train", textContent: text.choiceRandom }),
    make("li", { className: "forecast", textContent: text.choiceFull }),
  );
  return make("figure", { className: "curve-figure" }, legend, svg);
}
