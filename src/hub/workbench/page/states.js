import { button, icon, make } from "./dom.js";
import { texts } from "./texts.js";

/** What stands where data will be, is not, or could not be had: each with a sentence of what to do. */
export const loading = (text = texts.loading) =>
  make(
    "div",
    { className: "state", role: "status" },
    make("span", { className: "spinner" }),
    make("p", { textContent: text }),
  );

export const empty = ({ title, text, action }) =>
  make(
    "div",
    { className: "state" },
    icon("glyph-empty"),
    make("h2", { textContent: title }),
    make("p", { textContent: text }),
    action,
  );

export const failed = (error, retry) =>
  make(
    "div",
    { className: "state bad", role: "alert" },
    icon("lamp-bad"),
    make("h2", { textContent: texts.failedTitle }),
    make("p", { textContent: error.message }),
    retry && button({ text: texts.tryAgain, onclick: retry }),
  );

/** Shows what `build` gives, with waiting and failure in between. Answers of an older call are dropped. */
export async function fill(element, build, waiting) {
  const ticket = {};
  element.fillTicket = ticket;
  const soon = setTimeout(() => element.fillTicket === ticket && element.replaceChildren(loading(waiting)), 120);
  try {
    const content = await build();
    if (element.fillTicket === ticket) element.replaceChildren(...[content].flat().filter(Boolean));
  } catch (error) {
    if (error.status === undefined) console.error(error); // not the hub's refusal: a mistake of this page
    if (element.fillTicket === ticket) {
      element.replaceChildren(failed(error, () => void fill(element, build, waiting)));
    }
  } finally {
    clearTimeout(soon);
  }
}
