import type { Box, Coverage } from "./canvas.ts";
import type { Dice } from "./dice.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Half width of the stroke here, px. */
  readonly halfWidthPx: number;
  /** Strength here, 0-1. */
  readonly strength: number;
}

export interface Walk {
  readonly x: number;
  readonly y: number;
  /** Radians, 0 = right, pi/2 = down. */
  readonly heading: number;
  readonly lengthPx: number;
  readonly halfWidthPx: number;
  /** Deviation of the heading per step of 3 px, radians; pulled back to `heading`. */
  readonly wander: number;
  /** Turn per step, radians: bends the whole line. */
  readonly bend: number;
  /** Share of the width lost towards the end, 0-1. */
  readonly taper: number;
  /** How much width and strength vary along the line, 0-1. */
  readonly unsteady: number;
}

const STEP_PX = 3;

/** A random walk that keeps its direction: the way of a crack, a scratch, the rim of a dried drop. */
export function walkLine(dice: Dice, walk: Walk): Point[] {
  const steps = Math.max(2, Math.round(walk.lengthPx / STEP_PX));
  const points: Point[] = [];
  let { x, y } = walk;
  let deviation = 0;
  let width = 1;
  let strength = 1;
  for (let step = 0; step <= steps; step++) {
    const along = step / steps;
    const taper = 1 - walk.taper * along ** 1.5;
    points.push({
      x,
      y,
      halfWidthPx: walk.halfWidthPx * width * taper,
      strength: Math.max(0.1, Math.min(1, strength)),
    });
    deviation = 0.8 * deviation + walk.wander * dice.normal();
    width = 1 + 0.75 * (width - 1) + walk.unsteady * 0.35 * dice.normal();
    width = Math.max(0.4, Math.min(1.9, width));
    strength = 1 + 0.8 * (strength - 1) + walk.unsteady * 0.3 * dice.normal();
    const heading = walk.heading + deviation + walk.bend * step;
    x += STEP_PX * Math.cos(heading);
    y += STEP_PX * Math.sin(heading);
  }
  return points;
}

export interface Stroke {
  readonly box: Box;
  readonly coverage: Coverage;
  /** Distance to the stroke's edge, px, negative inside; large far away. */
  readonly distancePx: Coverage;
}

function boxOf(points: readonly Point[], marginPx: number): Box {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const point of points) {
    box.left = Math.min(box.left, point.x - marginPx);
    box.top = Math.min(box.top, point.y - marginPx);
    box.right = Math.max(box.right, point.x + marginPx);
    box.bottom = Math.max(box.bottom, point.y + marginPx);
  }
  return {
    left: Math.floor(box.left),
    top: Math.floor(box.top),
    right: Math.ceil(box.right),
    bottom: Math.ceil(box.bottom),
  };
}

/** Rasterises lines into a coverage, drawn once into a plane of the lines' box. */
export function strokeOf(lines: readonly (readonly Point[])[], softnessPx: number, marginPx: number): Stroke {
  const all = lines.flat();
  const widest = all.reduce((most, point) => Math.max(most, point.halfWidthPx), 0);
  const reach = widest + softnessPx + marginPx + 1;
  const box = boxOf(all, reach);
  const width = box.right - box.left;
  const covered = new Float32Array(width * (box.bottom - box.top));
  const distances = new Float32Array(covered.length).fill(1e3);
  for (const line of lines) {
    for (let at = 0; at + 1 < line.length; at++) {
      const [from, to] = [line[at], line[at + 1]];
      if (from !== undefined && to !== undefined)
        rasterise({ from, to, reach, softnessPx }, { box, width, covered, distances });
    }
  }
  const read =
    (plane: Float32Array, outside: number): Coverage =>
    (x, y) =>
      x < box.left || x >= box.right || y < box.top || y >= box.bottom
        ? outside
        : (plane[(y - box.top) * width + x - box.left] ?? outside);
  return { box, coverage: read(covered, 0), distancePx: read(distances, 1e3) };
}

interface Segment {
  readonly from: Point;
  readonly to: Point;
  readonly reach: number;
  readonly softnessPx: number;
}

interface StrokePlanes {
  readonly box: Box;
  readonly width: number;
  readonly covered: Float32Array;
  readonly distances: Float32Array;
}

function rasterise({ from, to, reach, softnessPx }: Segment, { box, width, covered, distances }: StrokePlanes): void {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const lengthSquared = dx * dx + dy * dy || 1;
  const left = Math.max(box.left, Math.floor(Math.min(from.x, to.x) - reach));
  const right = Math.min(box.right, Math.ceil(Math.max(from.x, to.x) + reach));
  const top = Math.max(box.top, Math.floor(Math.min(from.y, to.y) - reach));
  const bottom = Math.min(box.bottom, Math.ceil(Math.max(from.y, to.y) + reach));
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const along = Math.max(0, Math.min(1, ((x - from.x) * dx + (y - from.y) * dy) / lengthSquared));
      const away = Math.hypot(x - from.x - along * dx, y - from.y - along * dy);
      const distance = away - (from.halfWidthPx + (to.halfWidthPx - from.halfWidthPx) * along);
      const strength = from.strength + (to.strength - from.strength) * along;
      const at = (y - box.top) * width + x - box.left;
      const value = strength * Math.max(0, Math.min(1, 0.5 - distance / softnessPx));
      if (value > (covered[at] ?? 0)) covered[at] = value;
      if (distance < (distances[at] ?? 0)) distances[at] = distance;
    }
  }
}
