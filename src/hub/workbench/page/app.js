import { get, readSession, signIn, wireApi } from "./api.js";
import { make } from "./dom.js";
import { showHelp } from "./help.js";
import { wireKeys } from "./keys.js";
import { go, parseAddress } from "./router.js";
import { Shell } from "./shell.js";
import { SCREENS } from "./screens.js";
import { showPasswordChange, showSignIn } from "./sign-in.js";
import { empty, failed } from "./states.js";
import { applyTheme } from "./theme.js";
import { texts } from "./texts.js";

const PROJECT_KEY = "sightline-project";
const GO_KEYS = { c: "cases", l: "label", e: "errors", o: "orders", d: "diagnosis", s: "slices" };
const GO_WITHIN_MS = 1500;

/** What every screen may use: who is signed in, which project, its tags. */
class Workbench {
  session = null;
  projects = [];
  project = null;
  #tags = null;
  #root = document.getElementById("app");
  #shell = null;
  #leave = null;
  #goUntil = 0;

  async start() {
    applyTheme();
    const skip = document.querySelector("[data-skip]");
    skip.textContent = texts.skip;
    skip.addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById("main")?.focus();
    });
    wireApi({ signedOut: () => this.signedOut(texts.signIn.ended) });
    const common = { "?": showHelp, g: () => (this.#goUntil = performance.now() + GO_WITHIN_MS) };
    document.addEventListener("keydown", (event) => this.#followGo(event), true);
    wireKeys(common);
    addEventListener("hashchange", () => this.draw());
    await this.#begin();
  }

  /** The key after G opens a screen, and nothing else. */
  #followGo(event) {
    if (performance.now() > this.#goUntil || event.ctrlKey || event.metaKey) return;
    this.#goUntil = 0;
    const screen = GO_KEYS[event.key];
    if (screen === undefined || this.session === null) return;
    event.preventDefault();
    event.stopPropagation();
    go(screen);
  }

  async #begin() {
    try {
      this.session = await readSession();
      if (this.session === null) return this.signedOut("");
      if (this.session.passwordChangeNeeded) return showPasswordChange(this.#root, () => this.#begin());
      this.projects = (await get("projects")).projects;
    } catch (error) {
      this.#root.replaceChildren(
        make(
          "main",
          { id: "main", tabIndex: -1 },
          failed(error, () => location.reload()),
        ),
      );
      return undefined;
    }
    const wanted = localStorage.getItem(PROJECT_KEY);
    this.project = this.projects.find(({ id }) => id === wanted) ?? this.projects[0] ?? null;
    this.#shell = new Shell(this);
    this.#root.replaceChildren(this.#shell.element);
    return this.draw();
  }

  signedOut(sentence) {
    this.session = null;
    this.#tags = null;
    this.#leaveScreen();
    document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.remove());
    showSignIn(this.#root, sentence, async (name, password) => {
      await signIn(name, password);
      await this.#begin();
    });
  }

  may(role) {
    const order = ["viewer", "labeller", "engineer", "admin"];
    return order.indexOf(this.session.role) >= order.indexOf(role);
  }

  useProject(id) {
    this.project = this.projects.find((each) => each.id === id) ?? this.project;
    localStorage.setItem(PROJECT_KEY, this.project.id);
    this.#tags = null;
    const { screen } = parseAddress(location.hash);
    if (screen === "case" || location.hash.includes("?")) go(screen === "case" ? "cases" : screen);
    else this.draw();
  }

  async tags() {
    this.#tags ??= get("tags", { project: this.project.id }).then(({ tags }) => tags);
    return this.#tags.catch((error) => {
      this.#tags = null;
      throw error;
    });
  }

  forgetTags() {
    this.#tags = null;
  }

  #leaveScreen() {
    this.#leave?.();
    this.#leave = null;
  }

  draw() {
    if (this.session === null) return;
    this.#leaveScreen();
    const address = parseAddress(location.hash);
    const screen = SCREENS[address.screen] ?? SCREENS.cases;
    document.title = `${texts.screens[address.screen] ?? texts.screens.cases} · ${this.project?.name ?? texts.product}`;
    const main = this.#shell.open(address.screen);
    if (this.project === null && !screen.withoutProject) {
      main.replaceChildren(empty(texts.noProject));
      return;
    }
    this.#leave = screen.show(main, this, address) ?? null;
  }
}

void new Workbench().start();
