/** How an image lies in its stage: scale in stage px per image px, and the offset of its corner. Pure. */
export const MOST_SCALE = 40;

export function fitted(stage, image) {
  const scale = Math.min(stage.width / image.width, stage.height / image.height);
  return {
    scale,
    x: (stage.width - image.width * scale) / 2,
    y: (stage.height - image.height * scale) / 2,
  };
}

/** Zooms by `factor` with the point `at` of the stage staying where it is; never smaller than fitted. */
export function zoomed(view, factor, at, stage, image) {
  const least = fitted(stage, image).scale;
  const scale = Math.min(MOST_SCALE, Math.max(least, view.scale * factor));
  const ratio = scale / view.scale;
  return held({ scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio }, stage, image);
}

export const moved = (view, dx, dy, stage, image) => held({ ...view, x: view.x + dx, y: view.y + dy }, stage, image);

/** An image larger than the stage covers it; a smaller one is centred. */
function held(view, stage, image) {
  const along = (offset, room, size) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, offset)));
  return {
    scale: view.scale,
    x: along(view.x, stage.width, image.width * view.scale),
    y: along(view.y, stage.height, image.height * view.scale),
  };
}

/** A rectangle of the stage in whole px of the image, cut to it; null when it is smaller than 3 px. */
export function boxInImage(from, to, view, image) {
  const clampX = (x) => Math.min(image.width, Math.max(0, Math.round((x - view.x) / view.scale)));
  const clampY = (y) => Math.min(image.height, Math.max(0, Math.round((y - view.y) / view.scale)));
  const [left, right] = [clampX(Math.min(from.x, to.x)), clampX(Math.max(from.x, to.x))];
  const [top, bottom] = [clampY(Math.min(from.y, to.y)), clampY(Math.max(from.y, to.y))];
  const box = { x: left, y: top, width: right - left, height: bottom - top };
  return box.width < 3 || box.height < 3 ? null : box;
}
