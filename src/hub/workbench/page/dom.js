const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Writes only what changed: a screen reader and the layout are left alone otherwise. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function setProperty(element, name, value) {
  if (name === "dataset") Object.assign(element.dataset, value);
  else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
  else if (name in element && name !== "list")
    element[name] = value; // `list` can only be read
  else element.setAttribute(name, value);
}

/** Children that are null, undefined or false are left out; so are such properties. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined && value !== null) setProperty(element, name, value);
  }
  element.append(...present(children));
  return element;
}

const present = (children) =>
  children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);

export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...present(children));
  return element;
}

export function icon(name) {
  return makeSvg("svg", { "aria-hidden": "true", class: "icon" }, makeSvg("use", { href: `#${name}` }));
}

/** `<dt>`/`<dd>` pairs, each in a row of its own. */
export const facts = (pairs) =>
  pairs.map(([name, ...value]) => make("div", {}, make("dt", { textContent: name }), make("dd", {}, ...value)));

/** A button with a glyph, a word and, where there is one, its key. */
export function button({ text, glyph, key, label, onclick, kind = "", disabled = false, type = "button" }) {
  return make(
    "button",
    { type, className: kind, onclick, disabled, "aria-label": label, title: label },
    glyph && icon(glyph),
    text && make("span", { textContent: text }),
    key && make("kbd", { textContent: key, ariaHidden: "true" }),
  );
}

/** A labelled control: `field("Owner", input)`. */
export const field = (label, control, hint) =>
  make(
    "label",
    { className: "field" },
    make("span", { className: "field-name", textContent: label }),
    control,
    hint && make("small", { textContent: hint }),
  );

export const select = (name, options, value, properties = {}) =>
  make(
    "select",
    { name, ...properties },
    ...options.map(([key, text]) => make("option", { value: key, textContent: text, selected: key === value })),
  );
