// Cuts the words out of an even grey photo of a page: connected ink, lines, and the gaps between words.

import { crop, threshold, type Grey } from "./grey";
import { removeRules, slopeOf, turn } from "./straighten";

interface Part {
  label: number;
  left: number;
  top: number;
  right: number;
  bottom: number;
  area: number;
}

const MOST_WORDS = 80;
const SPECK = 10; // pixels
const WORD_GAPS = [0.5, 1.2] as const; // x-heights, between which the least gap between two words lies
const CORE = 0.4; // of the ink of the densest rows of a line, which all rows within the x-height have

/** The words in reading order, each on white. */
export function cutWords(photo: Grey): Grey[] {
  const level = threshold(photo);
  const mask = Uint8Array.from(photo.data, (value) => (value < level ? 1 : 0));
  removeRules(mask, photo);
  const slope = slopeOf(mask, photo);
  const straight = turn(photo, slope, 255);
  const inked = turn({ ...photo, data: Uint8ClampedArray.from(mask) }, slope, 0);
  const { parts, labels } = connect(inked);
  const letters = parts.filter((part) => part.area >= SPECK && !touchesEdge(part, inked));
  if (!letters.length) return [];
  const lines = splitLines(letters, inked);
  const xHeight = median(lines.map((line) => line.xHeight));
  const limit = wordGap(
    lines.map((line) => line.parts),
    xHeight,
  );
  const words = lines.flatMap((line) => splitWords(line.parts, limit));
  const large = words.filter((word) => {
    const box = boxOf(word);
    return box.bottom - box.top > 0.5 * xHeight && box.right - box.left > 0.5 * xHeight;
  });
  return large.slice(0, MOST_WORDS).map((word) => cutOut(straight, labels, word));
}

/** Connected parts of the ink, with 8 neighbours; `labels` tells for each pixel which it is of, 0 for none. */
function connect({ data, width, height }: Grey): { parts: Part[]; labels: Int32Array } {
  const labels = new Int32Array(data.length);
  const parts: Part[] = [];
  const stack: number[] = [];
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    const part = { label: parts.length + 1, left: width, top: height, right: 0, bottom: 0, area: 0 };
    labels[start] = part.label;
    stack.push(start);
    while (stack.length) {
      const i = stack.pop()!;
      const [x, y] = [i % width, Math.floor(i / width)];
      part.area++;
      [part.left, part.right] = [Math.min(part.left, x), Math.max(part.right, x + 1)];
      [part.top, part.bottom] = [Math.min(part.top, y), Math.max(part.bottom, y + 1)];
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const j = v * width + u;
          if (data[j] && !labels[j]) {
            labels[j] = part.label;
            stack.push(j);
          }
        }
      }
    }
    parts.push(part);
  }
  return { parts, labels };
}

/** Shadows and the edge of the sheet, which no writing crosses. */
function touchesEdge(part: Part, { width, height }: Grey): boolean {
  const isLarge = part.bottom - part.top > height / 4 || part.right - part.left > width / 2;
  return isLarge || part.left === 0 || part.top === 0 || part.right === width || part.bottom === height;
}

/** Lines from top to bottom: around the rows with most ink, with the height of their densest rows. */
function splitLines(parts: Part[], { data, width, height }: Grey): { parts: Part[]; xHeight: number }[] {
  const known = new Float64Array(height);
  for (const { left, right, top, bottom } of parts) {
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) known[y]! += data[y * width + x]!;
  }
  const typical = median(parts.filter((part) => part.area > 4 * SPECK).map((part) => part.bottom - part.top)) || 8;
  const rows = boxFilter(boxFilter(known, typical / 2), typical / 2);
  const strongest = rows.reduce((a, b) => Math.max(a, b), 0);
  const peaks: number[] = [];
  for (let y = 0; y < height; y++) {
    if (rows[y]! < 0.08 * strongest) continue;
    const reach = Math.round(0.9 * typical);
    let isPeak = true;
    for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
      if (rows[v]! > rows[y]! || (rows[v] === rows[y] && v < y)) isPeak = false;
    }
    if (isPeak) peaks.push(y);
  }
  const lines = peaks.map((peak) => ({ parts: [] as Part[], xHeight: coreHeight(known, peak, typical) }));
  for (const part of parts) {
    const middle = (part.top + part.bottom) / 2;
    const nearest = peaks.reduce((best, peak, i) => (Math.abs(peak - middle) < Math.abs(peaks[best]! - middle) ? i : best), 0);
    lines[nearest]!.parts.push(part);
  }
  return lines.filter((line) => line.parts.length);
}

/** How many rows around the peak of a line have much of its ink: about an x-height. */
function coreHeight(rows: Float64Array, peak: number, typical: number): number {
  const smooth = boxFilter(rows, 0.4 * typical);
  const least = CORE * smooth[peak]!;
  let top = peak;
  let bottom = peak;
  while (top > 0 && smooth[top - 1]! > least) top--;
  while (bottom < rows.length - 1 && smooth[bottom + 1]! > least) bottom++;
  return Math.min(typical, bottom - top + 1);
}

/** Gaps between the parts of each line, where they do not overlap. */
function gapsOf(parts: Part[]): number[] {
  const sorted = parts.toSorted((a, b) => a.left - b.left);
  let reach = sorted[0]!.right;
  const gaps: number[] = [];
  for (const part of sorted.slice(1)) {
    gaps.push(part.left - reach);
    reach = Math.max(reach, part.right);
  }
  return gaps.filter((gap) => gap > 0);
}

/** The least gap between two words: where the gaps fall into two kinds (Otsu 1979), within bounds. */
function wordGap(lines: Part[][], xHeight: number): number {
  const gaps = lines.flatMap(gapsOf).sort((a, b) => a - b);
  const total = gaps.reduce((a, b) => a + b, 0);
  let [best, limit, sum] = [-1, xHeight, 0];
  for (let i = 1; i < gaps.length; i++) {
    sum += gaps[i - 1]!;
    const apart = sum / i - (total - sum) / (gaps.length - i);
    const variance = i * (gaps.length - i) * apart * apart;
    if (variance > best) [best, limit] = [variance, (gaps[i - 1]! + gaps[i]!) / 2];
  }
  const [low, high] = WORD_GAPS;
  return Math.min(high * xHeight, Math.max(low * xHeight, limit));
}

function splitWords(parts: Part[], limit: number): Part[][] {
  const words: Part[][] = [];
  let reach = -Infinity;
  for (const part of parts.toSorted((a, b) => a.left - b.left)) {
    if (part.left - reach > limit) words.push([]);
    words.at(-1)!.push(part);
    reach = Math.max(reach, part.right);
  }
  return words;
}

function boxOf(parts: Part[]): Omit<Part, "label" | "area"> {
  return {
    left: Math.min(...parts.map((part) => part.left)),
    top: Math.min(...parts.map((part) => part.top)),
    right: Math.max(...parts.map((part) => part.right)),
    bottom: Math.max(...parts.map((part) => part.bottom)),
  };
}

/** The word with a margin; pixels that are nearer to ink of others than to its own are white. */
function cutOut(image: Grey, labels: Int32Array, parts: Part[]): Grey {
  const own = new Set(parts.map((part) => part.label));
  const box = boxOf(parts);
  const margin = 3;
  const cut = crop(image, box.left - margin, box.top - margin, box.right + margin, box.bottom + margin);
  const [left, top] = [Math.max(0, box.left - margin), Math.max(0, box.top - margin)];
  const reach = 2; // pixels that ink bleeds beyond its threshold
  const keep = new Uint8Array(cut.data.length);
  for (let y = 0; y < cut.height; y++) {
    for (let x = 0; x < cut.width; x++) {
      if (!own.has(labels[(y + top) * image.width + x + left]!)) continue;
      for (let v = Math.max(0, y - reach); v <= Math.min(cut.height - 1, y + reach); v++) {
        keep.fill(1, v * cut.width + Math.max(0, x - reach), v * cut.width + Math.min(cut.width, x + reach + 1));
      }
    }
  }
  return { ...cut, data: cut.data.map((level, i) => (keep[i] ? level : 255)) };
}

function boxFilter(values: Float64Array, size: number): Float64Array {
  const reach = Math.max(0, Math.floor(size / 2));
  return values.map((_, i) => {
    const near = values.subarray(Math.max(0, i - reach), i + reach + 1);
    return near.reduce((a, b) => a + b, 0) / near.length;
  });
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
