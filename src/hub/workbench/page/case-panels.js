import { imageUrl } from "./api.js";
import { isError } from "./case-tile.js";
import { facts, icon, make } from "./dom.js";
import { dayTimeText, percentText, timeText } from "./format.js";
import { addressOf } from "./router.js";
import { tagChip } from "./tag-dialog.js";
import { texts } from "./texts.js";

/** What the model said, in one line with its icon. */
export function callLine(each) {
  const error = isError(each.outcome)
    ? make(
        "span",
        { className: `outcome outcome-${each.outcome}`, title: texts.outcomeMeans[each.outcome] },
        texts.outcomes[each.outcome],
      )
    : null;
  const fault = each.report.reason;
  return make(
    "p",
    { className: "call" },
    make(
      "span",
      { className: `kind-${each.verdict} word` },
      icon(`icon-${each.verdict}`),
      texts.verdicts[each.verdict],
    ),
    each.class ?? (fault === undefined ? "" : fault),
    each.ngScore === null
      ? null
      : make("small", { textContent: `${texts.case_.ngScore} ${percentText(each.ngScore)}` }),
    error,
  );
}

/** Scores of every class as bars, the highest first; good classes in green, defects in red. */
export function scoreBars(scores, classes) {
  const kinds = new Map(classes.map(({ name, kind }) => [name, kind]));
  const ordered = Object.entries(scores).sort(([, one], [, other]) => other - one);
  if (ordered.length === 0) return make("p", { className: "hint", textContent: texts.case_.scoresNone });
  return make(
    "dl",
    { className: "scores" },
    ...ordered.map(([name, score]) =>
      make(
        "div",
        {},
        make("dt", { textContent: name }),
        make(
          "dd",
          {},
          make(
            "span",
            { className: "track" },
            make("i", {
              className: kinds.get(name) === "good" ? "good" : "defect",
              style: { width: `${score * 100}%` },
            }),
          ),
          make("span", { className: "figure", textContent: percentText(score) }),
        ),
      ),
    ),
  );
}

export function factList(each) {
  const record = each.report;
  const { case_ } = texts;
  const rows = [
    [case_.captured, dayTimeText(each.capturedAt)],
    [case_.device, each.device],
    [case_.line, each.line],
    [case_.model, each.model.version === "" ? "" : `${each.model.name} ${each.model.version}`],
    [case_.reasons, each.reasons.map((reason) => texts.reasons[reason]).join(", ")],
    ...Object.entries(each.metadata).map(([key, value]) => [key, String(value)]),
    [case_.latency, record.latencyMs === undefined ? "" : `${record.latencyMs.total.toFixed(1)} ms`],
    [case_.chance, each.selectionProbability === null ? "" : percentText(each.selectionProbability)],
    [case_.received, dayTimeText(each.receivedAt)],
    [case_.id, each.id],
  ];
  return make("dl", { className: "facts" }, ...facts(rows.filter(([, value]) => value !== "" && value !== undefined)));
}

/** Labels and tags with who and when, newest first. */
export function historyList(each, tags) {
  const names = new Map(tags.map(({ id, name }) => [id, name]));
  const { case_ } = texts;
  const entries = [
    ...each.labels.map(({ label, by, at, blind, undoneAt }) => ({
      at,
      text: blind ? case_.labelledBlind(label, by) : case_.labelledBy(label, by),
      undone: undoneAt !== null,
    })),
    ...each.tags.map(({ id, by, at }) => ({
      at,
      text: case_.tagged(names.get(id) ?? String(id), by),
      undone: false,
    })),
  ].sort((one, other) => other.at - one.at);
  if (entries.length === 0) return make("p", { className: "hint", textContent: case_.noHistory });
  return make(
    "ol",
    { className: "history" },
    ...entries.map(({ at, text, undone }) =>
      make(
        "li",
        { className: undone ? "undone" : "" },
        make("time", { textContent: timeText(at) }),
        make("span", { textContent: text }),
        undone && make("small", { textContent: case_.undone }),
      ),
    ),
  );
}

export function tagLine(each, tags, onremove, onadd) {
  const known = new Map(tags.map((tag) => [tag.id, tag]));
  const chips = each.tagIds
    .map((id) => known.get(id))
    .filter(Boolean)
    .map((tag) => tagChip(tag, onremove && (() => onremove(tag.id))));
  return make(
    "div",
    { className: "chips" },
    ...(chips.length > 0 ? chips : [make("span", { className: "hint", textContent: texts.case_.noTags })]),
    onadd,
  );
}

/** Thumbnails of similar cases with their distance; a click opens one. */
export const similarStrip = (cases, query) =>
  make(
    "ul",
    { className: "strip" },
    ...cases.map(({ similarity, ...each }) =>
      make(
        "li",
        {},
        make(
          "a",
          { href: addressOf("case", each.id, query), title: `${each.part}: ${percentText(similarity)} alike` },
          make("img", { src: imageUrl(each.id, true), alt: `Part ${each.part}`, loading: "lazy", decoding: "async" }),
          make("span", {
            className: isError(each.outcome) ? `outcome-${each.outcome}` : "",
            textContent: each.label ?? each.class ?? texts.gallery.notLabelled,
          }),
        ),
      ),
    ),
  );
