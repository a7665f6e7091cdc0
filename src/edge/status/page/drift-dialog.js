import { operatorName, keepOperatorName } from "./dialogs.js";
import { byId, make, replaceWhen, setText } from "./dom.js";
import { texts } from "./texts.js";

const SHEETS = ["reference", "now"];

/** The pictures have no names of their own: `version` makes the browser ask for those of another alarm. */
const pictureOf = (sheet, index, version) =>
  make("img", { src: `api/v1/drift/pictures/${sheet}/${index}?of=${version}`, alt: "", width: 96, height: 96 });

/** What has changed, with both sample sheets; follows the status while it is open. */
export function renderDrift({ drift, certificate }) {
  setText(byId("drift-sentence"), drift.sentence);
  setText(byId("drift-comparison"), drift.comparison ?? "");
  setText(byId("drift-certificate"), certificate === null ? texts.drift.noCertificate : certificate.sentence);
  const isOpen = drift.alarms.length > 0;
  byId("drift-acknowledge").disabled = !isOpen;
  if (!byId("drift-dialog").open) return;
  const version = encodeURIComponent(drift.alarms[0]?.at ?? String(drift.framesLearnt));
  for (const sheet of SHEETS) {
    const count = drift.pictures[sheet];
    replaceWhen(byId(`drift-${sheet}`), `${version} ${count}`, () =>
      count === 0
        ? [make("p", { textContent: texts.drift.noPictures })]
        : Array.from({ length: count }, (_, index) => pictureOf(sheet, index, version)),
    );
  }
}

export function openDrift(status) {
  const form = byId("drift-dialog").querySelector("form");
  form.reset();
  form.elements.by.value = operatorName();
  setText(byId("drift-error"), "");
  byId("drift-dialog").showModal();
  renderDrift(status);
}

/** `act` sends an order and tells the person how it ended. */
export function wireDrift(act) {
  const dialog = byId("drift-dialog");
  const form = dialog.querySelector("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    const by = fields.by.trim();
    setText(byId("drift-error"), by === "" ? texts.drift.needsName : "");
    form.elements.by.setAttribute("aria-invalid", String(by === ""));
    if (by === "") return form.elements.by.focus();
    keepOperatorName(by);
    const what = event.submitter?.value === "relearn" ? "relearn" : "acknowledge";
    dialog.close(); // the answer would be hidden behind it
    void act(`api/v1/drift/${what}`, { by, note: fields.note.trim() }, texts.drift.done[what]);
  });
}
