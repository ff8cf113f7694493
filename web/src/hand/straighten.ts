// Takes the lines of the paper out of a page, and the slope out of its writing.

import type { Grey } from "./grey";

const RULE_LENGTH = 1 / 6; // of the width, of upright ones of the longer side: longer runs of ink are lines of the paper
const RULE_THICKNESS = 1 / 350; // likewise
const SQUARED_SIDE = 800; // pixels of the longer side, above which a picture may be of a page of squared paper
const STEEPEST = 0.12; // slope of lines of writing, either way
const SLOPE_STEP = 0.005;

/** Erases the lines of the paper, level and, on a page, upright ones. */
export function removeRules(mask: Uint8Array, { width, height }: Grey): void {
  const thickness = (side: number): number => Math.max(4, Math.round(side * RULE_THICKNESS));
  removeLevelRules(mask, width, height, Math.max(40, width * RULE_LENGTH), thickness(width));
  const side = Math.max(width, height);
  if (side < SQUARED_SIDE) return; // in a picture of a few words the stems of letters are as long
  const turned = transposed(mask, width, height);
  removeLevelRules(turned, height, width, side * RULE_LENGTH, thickness(side));
  mask.set(transposed(turned, height, width));
}

function transposed(mask: Uint8Array, width: number, height: number): Uint8Array {
  const turned = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) turned[x * height + y] = mask[y * width + x]!;
  }
  return turned;
}

/** Erases ink that is thin, in long runs over three rows, as lines are hardly level. */
function removeLevelRules(mask: Uint8Array, width: number, height: number, longest: number, thickest: number): void {
  const rules: number[] = [];
  for (let y = 1; y < height - 1; y++) {
    let start = 0;
    for (let x = 0; x <= width; x++) {
      const i = y * width + x;
      if (x < width && (mask[i] || mask[i - width] || mask[i + width])) continue;
      for (let u = start; x - start > longest && u < x; u++) {
        if (isThin(mask, width, y * width + u, thickest)) rules.push(y * width + u);
      }
      start = x + 1;
    }
  }
  for (const i of rules) mask[i] = 0;
}

/** Whether fewer pixels of ink than `thickest` lie under one another here. */
function isThin(mask: Uint8Array, width: number, i: number, thickest: number): boolean {
  if (!mask[i]) return false;
  let count = 1;
  for (let j = i - width; mask[j] && count <= thickest; j -= width) count++;
  for (let j = i + width; mask[j] && count <= thickest; j += width) count++;
  return count <= thickest;
}

/** The slope of the lines of writing: that by which the rows are most unequal in ink. */
export function slopeOf(mask: Uint8Array, { width, height }: Grey): number {
  const points: [number, number][] = [];
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) if (mask[y * width + x]) points.push([x, y]);
  }
  let [best, found] = [-1, 0];
  for (let slope = -STEEPEST; slope <= STEEPEST + 1e-9; slope += SLOPE_STEP) {
    const rows = new Float64Array(2 * height + width);
    for (const [x, y] of points) rows[Math.round((y - slope * x) / 2 + width / 4)]!++;
    const contrast = rows.reduce((sum, count) => sum + count * count, 0) * (1 - 0.1 * Math.abs(slope));
    if (contrast > best) [best, found] = [contrast, slope];
  }
  return found;
}

/** Turns a page until lines of this slope are level; letters turn with them, so that their slant stays. */
export function turn(image: Grey, slope: number, empty: number): Grey {
  if (!slope) return image;
  const { width, height } = image;
  const data = new Uint8ClampedArray(image.data.length).fill(empty);
  const [cos, sin] = [Math.cos(Math.atan(slope)), Math.sin(Math.atan(slope))];
  for (let y = 0; y < height; y++) {
    const v = y - height / 2;
    for (let x = 0; x < width; x++) {
      const u = x - width / 2;
      const [left, top] = [width / 2 + cos * u - sin * v, height / 2 + sin * u + cos * v];
      const [column, row] = [Math.floor(left), Math.floor(top)];
      if (column < 0 || row < 0 || column >= width - 1 || row >= height - 1) continue;
      const [a, b] = [left - column, top - row];
      const i = row * width + column;
      const above = (1 - a) * image.data[i]! + a * image.data[i + 1]!;
      const below = (1 - a) * image.data[i + width]! + a * image.data[i + width + 1]!;
      data[y * width + x] = Math.round((1 - b) * above + b * below);
    }
  }
  return { data, width, height };
}
