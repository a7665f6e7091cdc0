import { byId, facts, make, setText } from "./dom.js";
import { findingOf, percentText } from "./model.js";
import { texts } from "./texts.js";

const NAME_KEY = "sightline-operator";
const dateTimeText = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const operatorName = () => localStorage.getItem(NAME_KEY) ?? "";

export const keepOperatorName = (name) => localStorage.setItem(NAME_KEY, name);

/** Buttons with value "cancel" close their dialog. */
export function wireDialogs() {
  for (const button of document.querySelectorAll('dialog button[value="cancel"]')) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
}

/** Resolves with the form's fields when it was sent and `check` found nothing, with null when it was closed. */
function askForm(dialog, check) {
  const form = dialog.querySelector("form");
  return new Promise((resolve) => {
    let answer = null;
    form.onsubmit = (event) => {
      event.preventDefault();
      const fields = Object.fromEntries(new FormData(form));
      if (!check(fields, form)) return;
      answer = fields;
      dialog.close();
    };
    dialog.addEventListener("close", () => resolve(answer), { once: true });
    dialog.showModal();
  });
}

function checkOverride(fields, form) {
  const problem =
    fields.verdict === undefined
      ? { field: form.elements.verdict[0], text: texts.overrideNeedsVerdict }
      : fields.reason.trim().length < 3
        ? { field: form.elements.reason, text: texts.overrideNeedsReason }
        : null;
  setText(byId("override-error"), problem?.text ?? "");
  form.elements.reason.setAttribute("aria-invalid", String(problem?.field === form.elements.reason));
  problem?.field.focus();
  return problem === null;
}

/** Asks for the right verdict, a reason and a name; null when the person thinks better of it. */
export async function askOverride(verdict) {
  const dialog = byId("override-dialog");
  const form = dialog.querySelector("form");
  form.reset();
  setText(byId("override-error"), "");
  form.elements.by.value = operatorName();
  const opposite = { pass: "reject", reject: "pass" }[verdict.verdict];
  for (const choice of form.elements.verdict) choice.checked = choice.value === opposite;
  const time = dateTimeText.format(Date.parse(verdict.decidedAt));
  setText(byId("override-what"), texts.overrideWhat(verdict.part, texts.verdicts[verdict.verdict], time));
  const fields = await askForm(dialog, checkOverride);
  if (fields === null) return null;
  keepOperatorName(fields.by.trim());
  return { verdict: fields.verdict, reason: fields.reason.trim(), by: fields.by.trim() };
}

function ask({ title, text, yes, withToken }) {
  const dialog = byId("ask-dialog");
  dialog.querySelector("form").reset();
  setText(byId("ask-title"), title);
  setText(byId("ask-text"), text);
  setText(byId("ask-yes"), yes);
  byId("ask-field").hidden = !withToken;
  return askForm(dialog, (fields) => !withToken || fields.token.trim() !== "");
}

export async function askToken() {
  const fields = await ask({ title: texts.tokenTitle, text: texts.tokenText, yes: texts.tokenYes, withToken: true });
  return fields === null ? null : fields.token.trim();
}

export async function confirmRecipe(recipe) {
  return (
    (await ask({
      title: texts.recipeTitle(recipe),
      text: texts.recipeText,
      yes: texts.recipeYes,
      withToken: false,
    })) !== null
  );
}

function scoreRows(verdict) {
  const ordered = Object.entries(verdict.scores).sort(([, one], [, other]) => other - one);
  return ordered.flatMap(([name, score]) => {
    const bar = make("i");
    bar.style.width = `${score * 100}%`;
    return [
      make("dt", { textContent: name }),
      make("dd", {}, make("span", { className: "bar" }, bar), percentText(score * 100)),
    ];
  });
}

function factRows(verdict) {
  const names = texts.details;
  const stages = Object.entries(verdict.latencyMs).map(([stage, ms]) => [stage, ms.toFixed(1)]);
  const rows = [
    [names.decided, dateTimeText.format(Date.parse(verdict.decidedAt))],
    [names.latency, names.latencyParts(Object.fromEntries(stages))],
    [names.regions, verdict.regions.map((region) => `${region.class} ${percentText(region.score * 100)}`).join(", ")],
    [names.hardCase, verdict.hardCase.map((reason) => texts.hardCases[reason] ?? reason).join(", ")],
    [names.model, verdict.model === null ? "" : `${verdict.model.name} ${verdict.model.version}`],
    [names.id, verdict.id],
  ];
  return rows.filter(([, value]) => value !== "");
}

export function showDetails(verdict) {
  setText(byId("details-title"), texts.detailsTitle(verdict.part));
  const call = byId("details-call");
  call.dataset.kind = verdict.verdict;
  const score = verdict.score === null ? "" : ` · ${texts.ngScore} ${percentText(verdict.score * 100)}`;
  setText(call, `${texts.calls[verdict.verdict]} · ${findingOf(verdict)}${score}`);
  byId("details-scores").replaceChildren(...scoreRows(verdict));
  byId("details-facts").replaceChildren(...facts(factRows(verdict)));
  byId("details-dialog").showModal();
}
