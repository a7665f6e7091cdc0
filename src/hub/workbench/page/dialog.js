import { button, make } from "./dom.js";
import { texts } from "./texts.js";

/**
 * A modal form. `check(fields, form)` gives a sentence where something is missing, or does the work and gives null;
 * it may throw a refusal, whose sentence is shown. Resolves with the fields, or null when it was closed.
 */
export function openDialog({
  title,
  body,
  yes,
  cancel = texts.cancel,
  check = () => null,
  wide = false,
  danger = false,
}) {
  const problem = make("p", { className: "form-error", role: "alert" });
  const send = button({ text: yes, kind: danger ? "danger" : "primary", type: "submit" });
  const heading = make("h2", { id: "dialog-title", textContent: title });
  const form = make(
    "form",
    { method: "dialog", noValidate: true },
    heading,
    ...body,
    problem,
    make("div", { className: "dialog-acts" }, cancel && button({ text: cancel, onclick: () => dialog.close() }), send),
  );
  const dialog = make("dialog", { className: wide ? "wide" : "", "aria-labelledby": "dialog-title" }, form);
  const before = document.activeElement;
  return new Promise((resolve) => {
    let answer = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const fields = Object.fromEntries(new FormData(form));
      send.disabled = true;
      try {
        const sentence = await check(fields, form);
        problem.textContent = sentence ?? "";
        if (sentence === null || sentence === undefined) {
          answer = fields;
          dialog.close();
        }
      } catch (error) {
        problem.textContent = error.message;
      } finally {
        send.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before?.isConnected) before.focus({ preventScroll: true });
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A question before something that cannot be undone. */
export const confirm_ = (title, text, yes) =>
  openDialog({ title, body: [make("p", { textContent: text })], yes, danger: true }).then((fields) => fields !== null);
