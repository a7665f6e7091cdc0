const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Writes only what changed: a screen reader and the layout are left alone otherwise. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function makeSvg(tag, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== "") element.textContent = text;
  return element;
}

export function icon(name) {
  const svg = makeSvg("svg", { "aria-hidden": "true" });
  svg.append(makeSvg("use", { href: `#${name}` }));
  return svg;
}

/** Replaces the children only when `key`, which stands for the content, changed. */
export function replaceWhen(element, key, build) {
  if (element.dataset.shows === key) return;
  element.dataset.shows = key;
  element.replaceChildren(...build());
}

/** `<dt>`/`<dd>` pairs. */
export const facts = (pairs) =>
  pairs.flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]);
