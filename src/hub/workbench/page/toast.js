import { byId, icon, make, setText } from "./dom.js";

const SHOWN_MS = 4000;
const SHOWN_BAD_MS = 9000;

export function toast(text, good = true) {
  const message = make(
    "div",
    { className: good ? "toast good" : "toast bad" },
    icon(good ? "lamp-ok" : "lamp-bad"),
    make("span", { textContent: text }),
  );
  byId("toasts").replaceChildren(message);
  setTimeout(() => message.remove(), good ? SHOWN_MS : SHOWN_BAD_MS);
}

/** Says it to a screen reader only. */
export const announce = (text) => setText(byId("announce"), text);

/** Does what may be refused; says so when it was. Gives whether it was done. */
export async function attempt(act) {
  try {
    await act();
    return true;
  } catch (error) {
    if (error.status === undefined) console.error(error);
    toast(error.message, false);
    return false;
  }
}
