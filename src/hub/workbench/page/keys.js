/** Keys of the present screen; one set at a time. A key typed into a field or with a dialog open is not ours. */
let present = null;
let enabled = true;

const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]";

export function wireKeys(common) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if (event.target.closest?.(TYPING)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (!enabled && event.key.length === 1) return;
    const act = present?.[event.key] ?? common[event.key];
    if (act === undefined || (event.target.closest?.("button, a, summary") && [" ", "Enter"].includes(event.key)))
      return;
    if (act(event) !== false) event.preventDefault();
  });
}

/** `keys` maps `event.key` to what it does; an answer of false leaves the key to the browser. */
export function useKeys(keys) {
  present = keys;
  return () => {
    if (present === keys) present = null;
  };
}

export const keysEnabled = () => enabled;
export function enableKeys(on) {
  enabled = on;
  localStorage.setItem("sightline-single-keys", on ? "on" : "off");
}
enabled = localStorage.getItem("sightline-single-keys") !== "off";
