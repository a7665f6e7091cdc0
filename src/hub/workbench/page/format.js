/** Numbers as people read them. Everything here is pure; shares come as 0 to 1, times as Unix ms. */

export const NO_FIGURE = "–";

const wholeText = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
export const countText = (value) => (value === null || value === undefined ? NO_FIGURE : wholeText.format(value));

/** Never rounds up to 100 or down to 0: one bad part in ten thousand stays visible. */
export function percentText(share, digits = 1) {
  if (share === null || share === undefined || Number.isNaN(share)) return NO_FIGURE;
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  const least = 10 ** -digits;
  if (Math.abs(value) < least) return value < 0 ? `> −${least} %` : `< ${least} %`;
  if (value > 100 - least && value < 100) return `> ${(100 - least).toFixed(digits)} %`;
  return `${value.toFixed(digits).replace("-", "−")} %`;
}

export const intervalText = (interval, digits = 1) =>
  interval === null || interval === undefined
    ? ""
    : `${(interval.low * 100).toFixed(digits)}–${(interval.high * 100).toFixed(digits)} %`;

/** An interval of percentage points; with a minus in it, a dash would be misread. */
export function pointsRange({ low, high }, digits = 1) {
  const text = (share) => (share * 100).toFixed(digits).replace("-", "−");
  return low < 0 ? `${text(low)} to ${text(high)} pp` : `${text(low)}–${text(high)} pp`;
}

/** "1 error", "2 errors". */
export const numbered = (count, one, many = `${one}s`) => `${countText(count)} ${count === 1 ? one : many}`;

/** Percentage points with their sign. */
export function pointsText(share, digits = 1) {
  if (share === null || share === undefined || Number.isNaN(share)) return NO_FIGURE;
  const value = (share * 100).toFixed(digits);
  return `${share > 0 ? "+" : share < 0 ? "−" : "±"}${value.replace("-", "")} pp`;
}

export function moneyText(value, currency) {
  if (value === null || value === undefined) return NO_FIGURE;
  const digits = Math.abs(value) < 10_000 ? 2 : 0;
  const text = new Intl.NumberFormat("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text.format(value)} ${currency}`;
}

const dateTime = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});
const dateTimeYear = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hour12: false,
});
const dateOnly = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric" });
export const timeText = (at) => (at === null || at === undefined ? NO_FIGURE : dateTime.format(at));
export const dayTimeText = (at) => (at === null || at === undefined ? NO_FIGURE : dateTimeYear.format(at));
export const dayText = (at) => (at === null || at === undefined ? NO_FIGURE : dateOnly.format(at));

/** How long ago, in the largest whole unit. */
export function agoText(at, now) {
  if (at === null || at === undefined) return "never";
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

export function bytesText(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return `${value.toFixed(step === 0 || value >= 100 ? 0 : 1)} ${units[step]}`;
}

/** Value of `<input type="datetime-local">` to Unix ms and back; empty is undefined. */
export const timeOfInput = (value) => (value === "" ? undefined : new Date(value).getTime());
export function inputOfTime(at) {
  if (at === undefined) return "";
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
export function durationText(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NO_FIGURE;
  const [unit, size] = UNITS.find(([, each]) => seconds >= 2 * each) ?? ["second", 1];
  const value = seconds / size;
  const text = value < 10 && unit !== "second" ? value.toFixed(1) : wholeText.format(value);
  return `${text} ${unit}s`;
}
