import { signOut } from "./api.js";
import { button, icon, make, select, setAttribute } from "./dom.js";
import { showHelp } from "./help.js";
import { addressOf } from "./router.js";
import { attempt } from "./toast.js";
import { nextTheme, presentTheme } from "./theme.js";
import { texts } from "./texts.js";

/** Screens of the rail by group, with the role that sees them. */
const RAIL = [
  ["cases", ["cases", "label", "second", "suspected", "agreement"]],
  ["analysis", ["errors", "slices", "diagnosis", "orders"]],
  ["models", ["loop", "runs", "compare", "releases", "fleet"]],
  ["project", ["project"]],
  ["administration", ["devices", "people", "audit"]],
];
const ROLE_OF = {
  label: "labeller",
  second: "labeller",
  suspected: "labeller",
  devices: "engineer",
  people: "admin",
  audit: "admin",
};

/** The frame around every screen: brand, project, person, and the rail of screens. */
export class Shell {
  element;
  #main = make("main", { id: "main", tabIndex: -1 });
  #links = new Map();

  constructor(workbench) {
    this.element = make("div", { className: "shell" }, this.#top(workbench), this.#rail(workbench), this.#main);
  }

  #top(workbench) {
    const { session, projects, project } = workbench;
    const theme = button({ glyph: "glyph-theme", kind: "quiet", label: texts.theme[presentTheme()] });
    theme.addEventListener("click", () => {
      const text = texts.theme[nextTheme()];
      setAttribute(theme, "aria-label", text);
      setAttribute(theme, "title", text);
    });
    const leave = async () => {
      if (await attempt(signOut)) workbench.signedOut("");
    };
    const choice = select(
      "project",
      projects.map(({ id, name }) => [id, name]),
      project?.id,
      { onchange: (event) => workbench.useProject(event.target.value) },
    );
    return make(
      "header",
      { className: "top" },
      make(
        "a",
        { className: "brand", href: addressOf("cases") },
        make("img", { src: "icon.svg", alt: "" }),
        make("span", { textContent: texts.product }),
      ),
      make("label", { className: "project" }, make("span", { textContent: texts.project }), choice),
      make(
        "div",
        { className: "end" },
        make("p", { className: "who" }, session.user, make("small", { textContent: texts.roles[session.role] })),
        button({ glyph: "glyph-help", kind: "quiet", label: `${texts.keyboard} (?)`, onclick: showHelp }),
        theme,
        button({ glyph: "glyph-out", kind: "quiet", label: texts.signOut, onclick: () => void leave() }),
      ),
    );
  }

  #rail(workbench) {
    const groups = RAIL.map(([group, screens]) => {
      const shown = screens.filter((screen) => workbench.may(ROLE_OF[screen] ?? "viewer"));
      if (shown.length === 0) return null;
      const links = shown.map((screen) => {
        const text = make("span", { textContent: texts.screens[screen] });
        const link = make(
          "a",
          { href: addressOf(screen), title: texts.screens[screen] },
          icon(`glyph-${GLYPHS[screen] ?? screen}`),
          text,
        );
        this.#links.set(screen, link);
        return make("li", {}, link);
      });
      return [make("h2", { textContent: texts.rail[group] }), make("ul", {}, ...links)];
    });
    return make("nav", { className: "rail", ariaLabel: "Screens" }, ...groups);
  }

  /** Empties the stage for a screen and marks it in the rail. */
  open(screen) {
    const marked = screen === "case" || screen === "review" ? "cases" : screen;
    for (const [name, link] of this.#links) {
      if (name === marked) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#main.replaceChildren();
    this.#main.className = "";
    this.#main.scrollTop = 0;
    return this.#main;
  }
}

const GLYPHS = { suspected: "suspect" };
