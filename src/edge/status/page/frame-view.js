import { read } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { percentText } from "./model.js";

/** The eye needs no more, and a picture costs the device an encoding. */
const MIN_INTERVAL_MS = 220;

/** Colours of the heatmap from warm to hot; cold is transparent. */
function heatPixels({ values, rows, cols }) {
  const pixels = new ImageData(cols, rows);
  values.forEach((value, cell) => {
    const heat = Math.max(0, (value - 0.2) / 0.8);
    pixels.data.set([255, 214 - 190 * heat, 40 * (1 - heat), 255 * Math.min(1, heat * 1.3)], cell * 4);
  });
  return pixels;
}

function drawHeatmap(canvas, heatmap) {
  if (heatmap === null) return;
  const grid = make("canvas", { width: heatmap.cols, height: heatmap.rows });
  grid.getContext("2d").putImageData(heatPixels(heatmap), 0, 0);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(grid, 0, 0, canvas.width, canvas.height);
}

function boxOf(region, frame) {
  const box = make(
    "div",
    { className: "box" },
    make("span", { textContent: `${region.class} ${percentText(region.score * 100)}` }),
  );
  const share = (value, of) => `${(100 * value) / of}%`;
  box.style.left = share(region.x, frame.widthPx);
  box.style.top = share(region.y, frame.heightPx);
  box.style.width = share(region.width, frame.widthPx);
  box.style.height = share(region.height, frame.heightPx);
  if (region.y < frame.heightPx * 0.1) box.classList.add("low-label");
  return box;
}

/** Shows frame, heatmap and boxes of one verdict together, never mixed. */
export class FrameView {
  #stage = byId("stage");
  #picture = null;
  #size = null;
  #wanted = false;
  #busy = false;
  #shownId = "";
  #describe;

  /** `describe(verdict)` gives the picture's text alternative and the caption. */
  constructor(describe) {
    this.#describe = describe;
    new ResizeObserver(() => this.#fit()).observe(this.#stage);
  }

  /** Asks for the newest frame; calls while one is being fetched are joined. */
  refresh() {
    this.#wanted = true;
    if (!this.#busy) void this.#run();
  }

  async #run() {
    this.#busy = true;
    while (this.#wanted) {
      this.#wanted = false;
      await this.#show().catch(() => undefined); // gone or no connection: the next verdict asks again
      await new Promise((resolve) => setTimeout(resolve, MIN_INTERVAL_MS));
    }
    this.#busy = false;
  }

  async #show() {
    const frame = await read("api/v1/frames/latest.json");
    if (frame === null || frame.verdict.id === this.#shownId) return;
    const image = new Image();
    image.src = frame.image;
    await image.decode();
    const { alt, caption } = this.#describe(frame.verdict);
    image.alt = alt;
    const heat = make("canvas", {
      className: "heat",
      width: 480,
      height: Math.round((480 * frame.heightPx) / frame.widthPx),
    });
    drawHeatmap(heat, frame.heatmap);
    this.#picture = make(
      "div",
      { className: "picture" },
      image,
      heat,
      ...frame.verdict.regions.map((region) => boxOf(region, frame)),
    );
    this.#size = frame;
    this.#shownId = frame.verdict.id;
    this.#fit();
    this.#stage.replaceChildren(this.#picture);
    this.#stage.dataset.verdict = frame.verdict.id;
    setText(byId("frame-caption"), caption);
  }

  #fit() {
    if (this.#picture === null) return;
    const { clientWidth, clientHeight } = this.#stage;
    const scale = Math.min(clientWidth / this.#size.widthPx, clientHeight / this.#size.heightPx);
    this.#picture.style.width = `${Math.floor(this.#size.widthPx * scale)}px`;
    this.#picture.style.height = `${Math.floor(this.#size.heightPx * scale)}px`;
  }
}
