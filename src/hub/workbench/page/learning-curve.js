import { make, makeSvg } from "./dom.js";
import { countText, percentText } from "./format.js";
import { words } from "./texts-analysis.js";

const { diagnosis: text } = words;
const WIDTH = 460;
const HEIGHT = 250;
const BOX = { left: 44, right: 18, top: 10, bottom: 40 };
const NICE = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1];

/** A round step that divides 0 to `most` into three to six parts. */
const stepFor = (most) => NICE.find((step) => most / step <= 5) ?? 1;

const quantile = (sorted, share) => {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
};

/** Error over the number of labelled parts (logarithmic), training and validation, with its forecast; drawn by hand. */
export function learningCurvePlot({ points, forecast }) {
  const steps = forecast.steps.filter(({ factor }) => factor > 1);
  const parts = [...points.map((each) => each.parts), ...steps.map((each) => each.parts)];
  const [least, most] = [Math.min(...parts), Math.max(...parts)];
  const band = points.map(({ repeats }) => {
    const sorted = repeats.toSorted((one, other) => one - other);
    return { low: quantile(sorted, 0.1), high: quantile(sorted, 0.9) };
  });
  const top = Math.max(0.02, ...band.map(({ high }) => high), ...points.map((each) => each.trainError)) * 1.08;
  const x = (value) =>
    BOX.left + ((WIDTH - BOX.left - BOX.right) * Math.log(value / least)) / Math.log(Math.max(most / least, 1.01));
  const y = (value) => HEIGHT - BOX.bottom - ((HEIGHT - BOX.top - BOX.bottom) * Math.min(value, top)) / top;
  const line = (values) =>
    values.map(([at, value], index) => `${index === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const last = points.at(-1);
  const svg = makeSvg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: "curve",
    role: "img",
    "aria-label": text.curveLabel(countText(last.parts), percentText(last.validationError)),
  });
  svg.append(...axes({ x, y, top, parts }));
  const edge = [
    ...points.map(({ parts: at }, index) => [at, band[index].high]),
    ...points.map(({ parts: at }, index) => [at, band[index].low]).toReversed(),
  ];
  svg.append(
    makeSvg("path", { class: "band", d: `${line(edge)}Z` }),
    makeSvg("path", { class: "line-of train", d: line(points.map((each) => [each.parts, each.trainError])) }),
    makeSvg("path", { class: "line-of validation", d: line(points.map((each) => [each.parts, each.validationError])) }),
  );
  if (steps.length > 0) {
    const ahead = [[last.parts, last.validationError], ...steps.map((each) => [each.parts, each.error])];
    svg.append(makeSvg("path", { class: "line-of forecast", d: line(ahead) }));
  }
  for (const kind of ["train", "validation"]) {
    const errorOf = (each) => each[`${kind}Error`];
    svg.append(
      ...points.map((each) =>
        makeSvg(
          "circle",
          { class: `mark-of ${kind}`, cx: x(each.parts), cy: y(errorOf(each)), r: 3.2 },
          makeSvg("title", {}, `${countText(each.parts)} parts: ${percentText(errorOf(each))}`),
        ),
      ),
    );
  }
  return make("figure", { className: "curve-figure" }, legend(steps.length > 0), svg);
}

const legend = (withForecast) =>
  make(
    "ul",
    { className: "curve-legend" },
    make("li", { className: "validation", textContent: text.curveValidation }),
    make("li", { className: "train", textContent: text.curveTrain }),
    withForecast && make("li", { className: "forecast", textContent: text.curveForecast }),
  );

function axes({ x, y, top, parts }) {
  const step = stepFor(top);
  const lines = [];
  for (let value = 0; value <= top; value += step) {
    lines.push(
      makeSvg("line", { class: "grid-line", x1: BOX.left, x2: WIDTH - BOX.right, y1: y(value), y2: y(value) }),
    );
    lines.push(
      makeSvg(
        "text",
        { class: "tick-text", x: BOX.left - 8, y: y(value) + 4, "text-anchor": "end" },
        `${Math.round(value * 100)} %`,
      ),
    );
  }
  let before = -Infinity;
  for (const value of [...new Set(parts)].sort((one, other) => one - other)) {
    if (x(value) - before < 46) continue;
    before = x(value);
    lines.push(
      makeSvg(
        "text",
        { class: "tick-text", x: x(value), y: HEIGHT - BOX.bottom + 17, "text-anchor": "middle" },
        countText(value),
      ),
    );
  }
  lines.push(
    makeSvg(
      "text",
      { class: "tick-text", x: (BOX.left + WIDTH - BOX.right) / 2, y: HEIGHT - 4, "text-anchor": "middle" },
      text.curveAxis,
    ),
  );
  return lines;
}
