// The outline of ink as smooth closed curves: marching squares with interpolated crossings, and quadratic curves through
// the midpoints of its sides, so that a word some tens of pixels high is smooth at any size.

import type { Ink } from "./engine";

/** Closed curves; each is a row of points x, y, of which every one is the control point between two midpoints. */
export type Outline = Float32Array[];

// The level of ink at which the outline runs, as a share of that of the darkest strokes: above it thin strokes break,
// below it narrow loops fill. The higher the image, the darker are the darkest beside the thin ones: a share of 0.39 at 40
// pixels and of 0.24 at 64 give pens of about one width.
const SHARE = 15.5; // divided by the height of the image
const SHARES = [0.2, 0.42] as const;
const LEVELS = [0.18, 0.42] as const;
const DARKEST = 0.9; // quantile of the pixels with ink
const FAINT = 0.15;
const MIN_POINTS = 6; // smaller ones are specks

const [TOP, RIGHT, BOTTOM, LEFT] = [0, 1, 2, 3];
// From and to which side of a cell the curve goes, ink on its left, by which corners are ink: 1 top left, 2 top right,
// 4 bottom right, 8 bottom left. Of 5 and 10, the two corners are apart; JOINED has those where they touch.
const CASES: number[][] = [
  [], [LEFT, TOP], [TOP, RIGHT], [LEFT, RIGHT], [RIGHT, BOTTOM], [LEFT, TOP, RIGHT, BOTTOM], [TOP, BOTTOM],
  [LEFT, BOTTOM], [BOTTOM, LEFT], [BOTTOM, TOP], [TOP, RIGHT, BOTTOM, LEFT], [BOTTOM, RIGHT], [RIGHT, LEFT],
  [RIGHT, TOP], [TOP, LEFT], [],
]; // prettier-ignore
const JOINED: Record<number, number[]> = { 5: [LEFT, BOTTOM, RIGHT, TOP], 10: [BOTTOM, RIGHT, TOP, LEFT] };

export function outlineOf(ink: Ink): Outline {
  const columns = ink.width + 2;
  const rows = ink.height + 2;
  const grid = new Float32Array(columns * rows); // with a border of paper, so that every curve closes
  for (let y = 0; y < ink.height; y++) {
    const row = (y + 1) * columns + 1;
    for (let x = 0; x < ink.width; x++) grid[row + x] = ink.data[y * ink.width + x]! / 255;
  }
  const level = levelOf(ink);
  const next = followers(grid, columns, rows, level);
  const outline: Outline = [];
  for (const start of next.keys()) {
    const points: number[] = [];
    for (let edge = start; next.has(edge); ) {
      const following = next.get(edge)!;
      next.delete(edge);
      points.push(...crossing(grid, columns, edge, level));
      edge = following;
    }
    if (points.length >= 2 * MIN_POINTS) outline.push(smooth(points));
  }
  return outline;
}

function levelOf(ink: Ink): number {
  const inked = ink.data.filter((level) => level > 255 * FAINT).sort();
  const darkest = (inked[Math.floor(DARKEST * inked.length)] ?? 255) / 255;
  return within(LEVELS, within(SHARES, SHARE / ink.height) * darkest);
}

function within([low, high]: readonly [number, number], value: number): number {
  return Math.min(high, Math.max(low, value));
}

/** For each edge of the grid that the curve crosses, the one it crosses next. */
function followers(grid: Float32Array, columns: number, rows: number, level: number): Map<number, number> {
  const next = new Map<number, number>();
  for (let y = 0; y < rows - 1; y++) {
    for (let x = 0; x < columns - 1; x++) {
      const i = y * columns + x;
      const corners = [grid[i]!, grid[i + 1]!, grid[i + columns + 1]!, grid[i + columns]!];
      const kind = corners.reduce((sum, value, corner) => sum + (value > level ? 1 << corner : 0), 0);
      const isJoined = kind in JOINED && corners.reduce((a, b) => a + b) > 4 * level;
      const sides = isJoined ? JOINED[kind]! : CASES[kind]!;
      const edges = [2 * i, 2 * (i + 1) + 1, 2 * (i + columns), 2 * i + 1];
      for (let k = 0; k < sides.length; k += 2) next.set(edges[sides[k]!]!, edges[sides[k + 1]!]!);
    }
  }
  return next;
}

/** Where the curve crosses an edge: even numbers are those to the right of a node, odd ones those below it. */
function crossing(grid: Float32Array, columns: number, edge: number, level: number): [number, number] {
  const node = edge >> 1;
  const isVertical = edge % 2 === 1;
  const [from, to] = [grid[node]!, grid[node + (isVertical ? columns : 1)]!];
  const share = (level - from) / (to - from);
  const [x, y] = [(node % columns) - 0.5, Math.floor(node / columns) - 0.5];
  return isVertical ? [x, y + share] : [x + share, y];
}

/** Each point moved towards its neighbours, which takes the steps of the pixels out. */
function smooth(points: number[]): Float32Array {
  const size = points.length;
  return Float32Array.from(
    points,
    (value, i) => 0.5 * value + 0.25 * (points[(i + 2) % size]! + points[(i + size - 2) % size]!),
  );
}

/** Calls back with the parts of each curve: where it starts, and its control points and ends. */
export function trace(
  outline: Outline,
  move: (x: number, y: number) => void,
  curve: (controlX: number, controlY: number, x: number, y: number) => void,
): void {
  for (const points of outline) {
    const size = points.length;
    const middle = (i: number, axis: number): number => (points[i + axis]! + points[((i + 2) % size) + axis]!) / 2;
    move(middle(size - 2, 0), middle(size - 2, 1));
    for (let i = 0; i < size; i += 2) curve(points[i]!, points[i + 1]!, middle(i, 0), middle(i, 1));
  }
}
