import { make } from "./dom.js";
import { percentText } from "./format.js";
import { boxInImage, fitted, moved, zoomed } from "./image-geometry.js";
import { texts } from "./texts.js";

const STEP = 1.35;
const PAN_PX = 60;
/** From this scale on, pixels are shown as squares. */
const PIXELS_FROM = 4;

/** One image large, with zoom, pan, the model's boxes and boxes that a person draws. */
export class ImageView {
  element = make("div", { className: "stage", tabIndex: 0, role: "group", ariaLabel: texts.case_.viewer });
  #picture = make("div", { className: "picture" });
  #image = make("img", { decoding: "async", draggable: false });
  #boxes = make("div", { className: "boxes" });
  #drawnBoxes = make("div", { className: "boxes drawn" });
  #heat = make("canvas", { className: "heat", hidden: true });
  #size = null;
  #view = null;
  #fit = true;
  #drag = null;
  #draw = null;
  #shown = { boxes: true, heat: true };
  #observer = new ResizeObserver(() => this.#resized());

  constructor() {
    this.#picture.append(this.#image, this.#heat, this.#boxes, this.#drawnBoxes);
    this.element.append(this.#picture);
    this.#image.addEventListener("load", () => this.#loaded());
    this.#image.addEventListener("error", () => this.#broken());
    this.element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.element.addEventListener("pointerdown", (event) => this.#down(event));
    this.element.addEventListener("pointermove", (event) => this.#moved(event));
    this.element.addEventListener("pointerup", (event) => this.#up(event));
    this.element.addEventListener("pointercancel", () => (this.#drag = null));
    this.element.addEventListener("dblclick", () => this.fit());
    this.#observer.observe(this.element);
  }

  stop() {
    this.#observer.disconnect();
  }

  /** `regions` in px of the image; `heatmap` `{rows, cols, values 0 to 1}` or null. */
  show({ url, alt, regions, heatmap }) {
    this.element.querySelector(".stage-note")?.remove();
    this.#fit = true;
    this.#size = null;
    this.#picture.classList.add("waiting");
    this.#image.alt = alt;
    this.#image.src = url;
    this.#boxes.replaceChildren(...regions.map((region) => boxElement(region, true)));
    this.#regions = regions;
    this.#paintHeat(heatmap);
    this.drawn([]);
  }

  #regions = [];
  #drawnRegions = [];

  drawn(boxes) {
    this.#drawnRegions = boxes;
    this.#drawnBoxes.replaceChildren(...boxes.map((box) => boxElement(box, false)));
    this.#place();
  }

  /** Hides or shows what lies over the image. */
  overlay(name, on) {
    this.#shown[name] = on;
    this.#boxes.hidden = !this.#shown.boxes;
    this.#heat.classList.toggle("off", !this.#shown.heat);
  }

  /** `ondrawn(box)` for each box dragged; null ends drawing. */
  drawMode(ondrawn) {
    this.#draw = ondrawn;
    this.element.classList.toggle("drawing", ondrawn !== null);
  }

  zoom(steps) {
    const { width, height } = this.#stage();
    this.#zoomAt(STEP ** steps, { x: width / 2, y: height / 2 });
  }

  pan(right, down) {
    if (this.#view === null) return;
    this.#view = moved(this.#view, -right * PAN_PX, -down * PAN_PX, this.#stage(), this.#size);
    this.#place();
  }

  fit() {
    this.#fit = true;
    this.#resized();
  }

  #stage() {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  #loaded() {
    this.#size = { width: this.#image.naturalWidth, height: this.#image.naturalHeight };
    this.#picture.classList.remove("waiting");
    this.#resized();
  }

  #broken() {
    this.#size = null;
    this.element.append(make("p", { className: "stage-note", textContent: texts.case_.imageGone }));
  }

  #resized() {
    if (this.#size === null || this.element.clientWidth === 0) return;
    this.#view = this.#fit ? fitted(this.#stage(), this.#size) : moved(this.#view, 0, 0, this.#stage(), this.#size);
    this.#place();
  }

  #zoomAt(factor, at) {
    if (this.#view === null || this.#size === null) return;
    this.#fit = false;
    this.#view = zoomed(this.#view, factor, at, this.#stage(), this.#size);
    this.#place();
  }

  #place() {
    if (this.#view === null || this.#size === null) return;
    const { scale, x, y } = this.#view;
    const style = this.#picture.style;
    style.width = `${this.#size.width * scale}px`;
    style.height = `${this.#size.height * scale}px`;
    style.transform = `translate(${x}px, ${y}px)`;
    this.#image.classList.toggle("pixels", scale >= PIXELS_FROM);
    const lay = (holder, regions) =>
      regions.forEach((region, index) => placeBox(holder.children[index], region, this.#size));
    lay(this.#boxes, this.#regions);
    lay(this.#drawnBoxes, this.#drawnRegions);
  }

  #wheel(event) {
    event.preventDefault();
    const { left, top } = this.element.getBoundingClientRect();
    this.#zoomAt(STEP ** (-event.deltaY / 150), { x: event.clientX - left, y: event.clientY - top });
  }

  #point(event) {
    const { left, top } = this.element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  #down(event) {
    if (event.button !== 0 || this.#size === null) return;
    this.element.setPointerCapture(event.pointerId);
    this.#drag = { from: this.#point(event), last: this.#point(event) };
  }

  #moved(event) {
    if (this.#drag === null) return;
    const at = this.#point(event);
    if (this.#draw !== null) {
      const box = boxInImage(this.#drag.from, at, this.#view, this.#size);
      this.#preview(box);
    } else {
      this.#fit = false;
      this.#view = moved(this.#view, at.x - this.#drag.last.x, at.y - this.#drag.last.y, this.#stage(), this.#size);
      this.#place();
    }
    this.#drag.last = at;
  }

  #up(event) {
    if (this.#drag === null) return;
    const box = this.#draw === null ? null : boxInImage(this.#drag.from, this.#point(event), this.#view, this.#size);
    this.#drag = null;
    this.#picture.querySelector(".preview")?.remove();
    if (box !== null) this.#draw(box);
  }

  #preview(box) {
    this.#picture.querySelector(".preview")?.remove();
    if (box === null) return;
    const element = make("div", { className: "box preview" });
    placeBox(element, box, this.#size);
    this.#picture.append(element);
  }

  /** Cold is transparent, hot is orange to red: the image stays readable below it. */
  #paintHeat(heatmap) {
    this.#heat.hidden = heatmap === null;
    if (heatmap === null) return;
    this.#heat.width = heatmap.cols;
    this.#heat.height = heatmap.rows;
    const context = this.#heat.getContext("2d");
    const pixels = context.createImageData(heatmap.cols, heatmap.rows);
    heatmap.values.forEach((value, index) => {
      pixels.data.set([255, Math.round(190 * (1 - value)), 40, Math.round(190 * value)], index * 4);
    });
    context.putImageData(pixels, 0, 0);
  }
}

function boxElement(region, byModel) {
  const score = region.score === undefined ? "" : ` ${percentText(region.score, 0)}`;
  return make(
    "div",
    { className: byModel ? "box" : "box by-hand" },
    make("span", { textContent: `${region.class}${score}` }),
  );
}

function placeBox(element, region, size) {
  if (element === undefined) return;
  const share = (value, of) => `${(100 * value) / of}%`;
  element.style.left = share(region.x, size.width);
  element.style.top = share(region.y, size.height);
  element.style.width = share(region.width, size.width);
  element.style.height = share(region.height, size.height);
  element.classList.toggle("low-label", region.y < size.height * 0.08);
}
