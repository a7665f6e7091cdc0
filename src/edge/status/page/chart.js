import { byId, make, makeSvg } from "./dom.js";
import { percentText, sharesOf, sumOf, totalOf } from "./model.js";
import { texts } from "./texts.js";

const SHOWN_MINUTES = 60;
const TICK_MINUTES = 15;
const NARROW_TICK_MINUTES = 30;
/** Below so many text heights of width the times stand half as dense. */
const NARROW_TEXTS = 40;
const BAD_KINDS = ["reject", "review", "fault"];
const NICE_LIMITS = [2, 5, 10, 20, 50, 100];
const timeText = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** The smallest round limit, in percent, that holds `value`. */
const limitFor = (value) => NICE_LIMITS.find((limit) => limit >= value) ?? 100;

/** Minutes of the last hour up to the newest, minutes without parts included (as null shares). */
function series(history) {
  const newest = Date.parse(history.at(-1).minute);
  const byMinute = new Map(history.map((minute) => [Date.parse(minute.minute), minute.counts]));
  return Array.from({ length: SHOWN_MINUTES }, (_, index) => {
    const at = newest - (SHOWN_MINUTES - 1 - index) * 60_000;
    const counts = byMinute.get(at);
    return { at, counts, shares: counts === undefined ? null : sharesOf(counts) };
  });
}

function frameOf(element) {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const { clientWidth: width, clientHeight: height } = element;
  const text = 0.78 * rem;
  const left = 3.1 * text;
  const right = 4.4 * text;
  const upperTop = 1.8 * text;
  const between = 3.2 * text;
  const half = Math.max(1, (height - upperTop - between - 1.9 * text) / 2);
  return {
    width,
    height,
    text,
    left,
    right,
    plotWidth: width - left - right,
    upper: { top: upperTop, height: half },
    lower: { top: upperTop + half + between, height: half },
    x: (index) => left + ((index + 0.5) * (width - left - right)) / SHOWN_MINUTES,
  };
}

function axis(svg, frame, band, { from, to, name }) {
  svg.append(makeSvg("text", { class: "name", x: 0, y: band.top - 0.8 * frame.text }, name));
  for (const value of [from, to]) {
    const y = band.top + band.height * (1 - (value - from) / (to - from));
    svg.append(makeSvg("line", { class: "grid", x1: frame.left, x2: frame.left + frame.plotWidth, y1: y, y2: y }));
    svg.append(
      makeSvg(
        "text",
        { class: "tick", x: frame.left - 0.5 * frame.text, y: y + 0.35 * frame.text, "text-anchor": "end" },
        `${value}`,
      ),
    );
  }
}

function drawYield(svg, frame, minutes) {
  const values = minutes.flatMap(({ shares }) => (shares === null ? [] : [shares.pass]));
  const from = 100 - limitFor(100 - Math.min(...values, 100));
  axis(svg, frame, frame.upper, { from, to: 100, name: texts.chart.yield });
  const y = (value) => frame.upper.top + frame.upper.height * (1 - (value - from) / (100 - from));
  let path = "";
  let pen = "M";
  minutes.forEach(({ shares }, index) => {
    if (shares === null) pen = "M";
    else {
      path += `${pen}${frame.x(index).toFixed(1)} ${y(shares.pass).toFixed(1)}`;
      pen = "L";
    }
  });
  svg.append(makeSvg("path", { class: "yield-line", d: path }));
  lastValue(svg, frame, { minutes, y, value: (shares) => shares.pass });
}

function lastValue(svg, frame, { minutes, y, value }) {
  const index = minutes.findLastIndex(({ shares }) => shares !== null);
  if (index < 0) return;
  const last = value(minutes[index].shares);
  svg.append(makeSvg("circle", { class: "last", cx: frame.x(index), cy: y(last), r: 0.28 * frame.text }));
  svg.append(
    makeSvg(
      "text",
      { class: "now", x: frame.width, y: y(last) + 0.35 * frame.text, "text-anchor": "end" },
      percentText(last),
    ),
  );
}

function drawBad(svg, frame, minutes) {
  const bad = (shares) => 100 - shares.pass;
  const to = limitFor(Math.max(...minutes.map(({ shares }) => (shares === null ? 0 : bad(shares))), 1));
  axis(svg, frame, frame.lower, { from: 0, to, name: texts.chart.bad });
  const scale = frame.lower.height / to;
  const bottom = frame.lower.top + frame.lower.height;
  const width = Math.max(1, (0.7 * frame.plotWidth) / SHOWN_MINUTES);
  minutes.forEach(({ shares }, index) => {
    if (shares === null) return;
    let y = bottom;
    for (const kind of BAD_KINDS) {
      const height = shares[kind] * scale;
      y -= height;
      if (height > 0)
        svg.append(makeSvg("rect", { class: `bar ${kind}`, x: frame.x(index) - width / 2, y, width, height }));
    }
  });
  lastValue(svg, frame, { minutes, y: (value) => bottom - value * scale, value: bad });
}

function drawTimes(svg, frame, minutes) {
  const everyMinutes = frame.plotWidth < NARROW_TEXTS * frame.text ? NARROW_TICK_MINUTES : TICK_MINUTES;
  minutes.forEach(({ at }, index) => {
    if (new Date(at).getMinutes() % everyMinutes !== 0) return;
    const x = frame.x(index);
    const anchor = index < 3 ? "start" : index > SHOWN_MINUTES - 4 ? "end" : "middle";
    svg.append(
      makeSvg(
        "text",
        { class: "tick", x, y: frame.height - 0.2 * frame.text, "text-anchor": anchor },
        timeText.format(at),
      ),
    );
  });
}

/** A transparent column per minute carries the figures as a tooltip. */
function drawTooltips(svg, frame, minutes) {
  const width = frame.plotWidth / SHOWN_MINUTES;
  minutes.forEach(({ at, counts, shares }, index) => {
    if (shares === null) return;
    const column = makeSvg("rect", {
      class: "hover",
      x: frame.x(index) - width / 2,
      y: 0,
      width,
      height: frame.height,
    });
    const { minute } = texts.chart;
    column.append(
      makeSvg(
        "title",
        {},
        minute(timeText.format(at), totalOf(counts), percentText(shares.pass), percentText(shares.reject)),
      ),
    );
    svg.append(column);
  });
}

function legend(frame) {
  const items = BAD_KINDS.map((kind) => make("li", { className: kind, textContent: texts.chart.legend[kind] }));
  const list = make("ul", { className: "legend" }, ...items);
  list.style.top = `${frame.lower.top - 2.1 * frame.text}px`;
  return list;
}

/** Yield and share of parts not passed per minute, of the last hour, drawn in the panel's own pixels. */
export function drawChart(history) {
  const element = byId("chart");
  if (history.length === 0) {
    element.replaceChildren(make("p", { className: "quiet-text", textContent: texts.chart.empty }));
    return;
  }
  const minutes = series(history);
  const shares = sharesOf(sumOf(history.slice(-SHOWN_MINUTES)));
  const label = texts.chart.summary(
    Math.min(history.length, SHOWN_MINUTES),
    percentText(shares?.pass ?? null),
    percentText(shares?.reject ?? null),
  );
  const frame = frameOf(element);
  const svg = makeSvg("svg", {
    role: "img",
    "aria-label": label,
    viewBox: `0 0 ${frame.width} ${frame.height}`,
    "font-size": frame.text,
  });
  for (const draw of [drawYield, drawBad, drawTimes, drawTooltips]) draw(svg, frame, minutes);
  element.replaceChildren(svg, legend(frame));
}
