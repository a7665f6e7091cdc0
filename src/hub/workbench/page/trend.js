import { make, makeSvg } from "./dom.js";
import { intervalText, percentText, pointsText } from "./format.js";
import { words } from "./texts-analysis.js";

const WIDTH = 84;
const HEIGHT = 26;
const PAD = 4;

/** Error rate of a tag from version to version as a small line with its intervals, and whether it shrank. */
export function trendOf(trend) {
  if (trend === null) return make("span", { className: "hint", textContent: "–" });
  const { versions, change, verdict } = trend;
  const shown = versions.slice(-6);
  const most = Math.max(0.001, ...shown.map(({ errorRate }) => (errorRate.trials === 0 ? 0 : errorRate.interval.high)));
  const x = (index) => PAD + ((WIDTH - 2 * PAD) * index) / Math.max(1, shown.length - 1);
  const y = (share) => HEIGHT - PAD - ((HEIGHT - 2 * PAD) * Math.min(share, most)) / most;
  const known = shown.map((each, index) => ({ ...each, index })).filter(({ errorRate }) => errorRate.trials > 0);
  const path = known
    .map(({ errorRate, index }, at) => `${at === 0 ? "M" : "L"}${x(index)} ${y(errorRate.share)}`)
    .join("");
  const text = shown
    .map(({ modelVersion, errorRate }) => `${modelVersion}: ${percentText(errorRate.share)}`)
    .join(", ");
  const { verdicts } = words.errors;
  return make(
    "div",
    { className: `trend ${verdict}` },
    makeSvg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": text },
      makeSvg("title", {}, text),
      ...known.map(({ errorRate, index }) =>
        makeSvg("line", {
          class: "range",
          x1: x(index),
          x2: x(index),
          y1: y(errorRate.interval.low),
          y2: y(errorRate.interval.high),
        }),
      ),
      makeSvg("path", { class: "path", d: path }),
      ...known.map(({ errorRate, index }) =>
        makeSvg("circle", { class: "dot-at", cx: x(index), cy: y(errorRate.share), r: 2.6 }),
      ),
    ),
    make(
      "span",
      {},
      make("b", { textContent: verdicts[verdict] }),
      make("small", { textContent: pointsText(change.difference), title: intervalText(change.interval) }),
    ),
  );
}
