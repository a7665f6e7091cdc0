import { button, field, make } from "./dom.js";
import { texts } from "./texts.js";

/** Draws the sign-in page; `enter(name, password)` throws the hub's refusal. */
export function showSignIn(root, sentence, enter) {
  document.title = texts.signIn.title;
  const problem = make("p", { className: "form-error", role: "alert", textContent: sentence });
  const name = make("input", { name: "name", autocomplete: "username", autofocus: true, spellcheck: false });
  const password = make("input", { name: "password", type: "password", autocomplete: "current-password" });
  const send = button({ text: texts.signIn.go, kind: "primary", type: "submit" });
  const form = make(
    "form",
    { noValidate: true },
    field(texts.signIn.name, name),
    field(texts.signIn.password, password),
    problem,
    send,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (name.value.trim() === "" || password.value === "") {
      problem.textContent = texts.signIn.needs;
      (name.value.trim() === "" ? name : password).focus();
      return;
    }
    send.disabled = true;
    try {
      await enter(name.value.trim(), password.value);
    } catch (error) {
      problem.textContent = error.message;
      send.disabled = false;
      password.select();
    }
  });
  root.replaceChildren(
    make(
      "main",
      { id: "main", className: "sign-in", tabIndex: -1 },
      make(
        "div",
        { className: "card" },
        make(
          "div",
          { className: "name" },
          make("img", { src: "icon.svg", alt: "" }),
          make(
            "div",
            {},
            make("h1", { textContent: texts.signIn.title }),
            make("small", { textContent: texts.signIn.sub }),
          ),
        ),
        form,
      ),
    ),
  );
  name.focus();
}
