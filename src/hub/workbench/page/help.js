import { make } from "./dom.js";
import { openDialog } from "./dialog.js";
import { enableKeys, keysEnabled } from "./keys.js";
import { texts } from "./texts.js";

export function showHelp() {
  const on = make("input", { type: "checkbox", checked: keysEnabled(), onchange: () => enableKeys(on.checked) });
  void openDialog({
    title: texts.keys.title,
    wide: true,
    body: [
      make(
        "div",
        { className: "columns-3 key-list" },
        texts.keys.groups.map(([name, keys]) =>
          make(
            "section",
            {},
            make("h3", { textContent: name }),
            make(
              "dl",
              { className: "facts" },
              ...keys.map(([key, meaning]) =>
                make(
                  "div",
                  {},
                  make("dt", {}, make("kbd", { textContent: key })),
                  make("dd", { textContent: meaning }),
                ),
              ),
            ),
          ),
        ),
      ),
      make("label", { className: "check" }, on, texts.keys.on),
    ],
    cancel: null,
    yes: texts.close,
  });
}
