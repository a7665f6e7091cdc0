import { choosePassword, openIdStart } from "./api.js";
import { button, field, make } from "./dom.js";
import { texts } from "./texts.js";

/** The card in the middle of an otherwise empty page. */
function showCard(root, title, sub, ...content) {
  document.title = texts.signIn.title;
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
          make("div", {}, make("h1", { textContent: title }), make("small", { textContent: sub })),
        ),
        ...content,
      ),
    ),
  );
}

/** A form whose `act` may refuse; the sentence is shown and the button comes back. */
function formOf(fields, { sentence = "", yes, act }) {
  const problem = make("p", { className: "form-error", role: "alert", textContent: sentence });
  const send = button({ text: yes, kind: "primary", type: "submit" });
  const form = make("form", { noValidate: true }, ...fields, problem, send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      problem.textContent = (await act()) ?? "";
    } catch (error) {
      problem.textContent = error.message;
    }
    send.disabled = false;
  });
  return form;
}

/** Draws the sign-in page; `enter(name, password)` throws the hub's refusal. */
export function showSignIn(root, sentence, enter) {
  const { signIn } = texts;
  const name = make("input", { name: "name", autocomplete: "username", spellcheck: false });
  const password = make("input", { name: "password", type: "password", autocomplete: "current-password" });
  const form = formOf([field(signIn.name, name), field(signIn.password, password)], {
    sentence,
    yes: signIn.go,
    act: async () => {
      if (name.value.trim() === "" || password.value === "") {
        (name.value.trim() === "" ? name : password).focus();
        return signIn.needs;
      }
      await enter(name.value.trim(), password.value);
      return "";
    },
  });
  const other = make("div", { hidden: true });
  showCard(root, signIn.title, signIn.sub, form, other);
  name.focus();
  void openIdStart().then((address) => {
    if (address === null) return;
    other.hidden = false;
    other.className = "other-way";
    other.replaceChildren(make("a", { className: "button", href: address, textContent: signIn.oidc }));
  });
}

/** After a sign-in with a password that was good for one: another has to be chosen. */
export function showPasswordChange(root, goOn) {
  const { signIn } = texts;
  const secret = (autocomplete) => make("input", { type: "password", autocomplete });
  const [current, next, again] = [secret("current-password"), secret("new-password"), secret("new-password")];
  const form = formOf(
    [field(signIn.current, current), field(signIn.next, next, signIn.nextHint), field(signIn.again, again)],
    {
      yes: signIn.change,
      act: async () => {
        if (next.value !== again.value) return signIn.differ;
        await choosePassword(current.value, next.value);
        await goOn();
        return "";
      },
    },
  );
  showCard(root, signIn.changeTitle, signIn.changeText, form);
  current.focus();
}
