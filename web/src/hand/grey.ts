// Grey images: a photo made even, and the preprocessing of words, as in hwgan/data/transforms.py. 0 is ink, 255 paper.

import type { Extent, Model } from "../model";

export interface Grey {
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

const LONGEST_SIDE = 2200; // pixels; larger photos are scaled down
const TILES = 36; // along the longer side, in each of which the paper is measured
const LIGHT_INK = { contrast: 40, pixels: 8 }; // grey levels by which light ink is lighter than paper, and how many pixels
const TRIM_CONTRAST = 25;
const NOISE = { low: 75, high: 90, contrast: 15, most: 100 }; // percentiles of paper, their distances, grey levels
const INK_MARGIN = 0.06;
const MIN_CONTRAST = 32;

/** Decodes a photo; the browser turns it by its metadata. */
export async function decodePhoto(file: Blob): Promise<Grey> {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const pixels = context.getImageData(0, 0, width, height).data;
  const grey = new Uint8ClampedArray(width * height);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = 0.299 * pixels[4 * i]! + 0.587 * pixels[4 * i + 1]! + 0.114 * pixels[4 * i + 2]!;
  }
  return { data: grey, width, height };
}

/** Whether the ink is lighter than the paper, as on a blackboard: most pixels are as dark as the edge, others lighter. */
function hasLightInk({ data, width, height }: Grey): boolean {
  const edge: number[] = [];
  for (let x = 0; x < width; x++) edge.push(data[x]!, data[(height - 1) * width + x]!);
  for (let y = 0; y < height; y++) edge.push(data[y * width]!, data[(y + 1) * width - 1]!);
  const paper = percentile(Uint8ClampedArray.from(edge), 50);
  let [lighter, darker] = [0, 0];
  for (const level of data) {
    if (level > paper + LIGHT_INK.contrast) lighter++;
    else if (level < paper - LIGHT_INK.contrast) darker++;
  }
  if (lighter < LIGHT_INK.pixels || lighter <= 2 * darker || 2 * lighter >= data.length) return false;
  // A sheet on a dark table is light as a whole; of light ink only a lamp's reflection or a strip of wall beside it is.
  const tile = Math.max(8, Math.ceil(Math.max(width, height) / TILES));
  let solid = 0;
  for (let y = 0; y + tile <= height; y += tile) {
    for (let x = 0; x + tile <= width; x += tile) {
      const levels = crop({ data, width, height }, x, y, x + tile, y + tile).data;
      if (percentile(levels, 5) > paper + LIGHT_INK.contrast) solid += tile * tile;
    }
  }
  return 2 * solid <= lighter;
}

/** Divides by the brightness of the paper, so that shadows and vignettes vanish. */
export function evenOut(image: Grey): Grey {
  const { width, height } = image;
  const source = hasLightInk(image) ? image.data.map((level) => 255 - level) : image.data;
  const tile = Math.max(8, Math.ceil(Math.max(width, height) / TILES));
  const [columns, rows] = [Math.ceil(width / tile), Math.ceil(height / tile)];
  let paper = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [left, top] = [column * tile, row * tile];
      const levels = crop({ data: source, width, height }, left, top, left + tile, top + tile).data;
      paper[row * columns + column] = percentile(levels, 85);
    }
  }
  for (let i = 0; i < 2; i++) paper = neighbourhood(paper, columns, rows, i === 0 ? largest : mean);
  const even = new Uint8ClampedArray(width * height);
  for (let y = 0; y < height; y++) {
    const v = Math.min(rows - 1, Math.max(0, (y + 0.5) / tile - 0.5));
    for (let x = 0; x < width; x++) {
      const u = Math.min(columns - 1, Math.max(0, (x + 0.5) / tile - 0.5));
      even[y * width + x] = (255 * source[y * width + x]!) / Math.max(1, bilinear(paper, columns, rows, u, v));
    }
  }
  return { data: even, width, height };
}

/** The level that separates ink from paper best (Otsu 1979). */
export function threshold(image: Grey): number {
  const counts = histogram(image.data);
  let [weight, sum, best, level] = [0, 0, -1, 127];
  const total = image.data.length;
  const all = counts.reduce((s, count, value) => s + count * value, 0);
  for (let value = 0; value < 255; value++) {
    weight += counts[value]!;
    sum += counts[value]! * value;
    if (!weight || weight === total) continue;
    const variance = weight * (total - weight) * (sum / weight - (all - sum) / (total - weight)) ** 2;
    if (variance > best) [best, level] = [variance, value];
  }
  return Math.min(200, Math.max(90, level));
}

/** A word as a network takes it: the image of a word whose vertical extent is known. */
export function preprocess(model: Model, image: Grey, extent: Extent): Grey {
  const { height, frame } = model.image;
  const trimmed = stretchContrast(trimInk(stretchContrast(image))); // twice, as `StyleEncoder` and its preprocessing do
  const padded = padToExtent(trimmed, extent, frame);
  return resize(padded, Math.max(1, Math.round((padded.width * height) / padded.height)), height);
}

export function stretchContrast(image: Grey): Grey {
  const [ink, paper] = [percentile(image.data, 1), percentile(image.data, 90)];
  if (paper - ink < MIN_CONTRAST) return image;
  return { ...image, data: image.data.map((level) => Math.round(((level - ink) * 255) / (paper - ink))) };
}

function trimInk(image: Grey): Grey {
  const { width, height, data } = image;
  const lightest = data.reduce((a, b) => Math.max(a, b), 0);
  const [low, high] = [percentile(data, NOISE.low), percentile(data, NOISE.high)];
  const belowNoise = Math.max(high - NOISE.contrast * (high - low), lightest - NOISE.most);
  const limit = Math.min(lightest - TRIM_CONTRAST, belowNoise);
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x]! >= limit) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  if (right < 0) return image;
  const margin = Math.max(1, Math.round(INK_MARGIN * (bottom + 1 - top)));
  const inner = crop(image, left, top, right + 1, bottom + 1);
  return pad(inner, margin, margin, margin);
}

function padToExtent(image: Grey, [top, bottom]: Extent, frame: [number, number]): Grey {
  const scale = image.height / (top - bottom);
  const above = Math.max(0, Math.round(scale * (frame[0] - top)));
  const below = Math.max(0, Math.round(scale * (bottom - frame[1])));
  return pad(image, above, below, 0);
}

function pad(image: Grey, above: number, below: number, beside: number): Grey {
  const width = image.width + 2 * beside;
  const height = image.height + above + below;
  const data = new Uint8ClampedArray(width * height).fill(255);
  for (let y = 0; y < image.height; y++) {
    data.set(image.data.subarray(y * image.width, (y + 1) * image.width), (y + above) * width + beside);
  }
  return { data, width, height };
}

/** A part of an image, cut where the image ends. */
export function crop(image: Grey, left: number, top: number, right: number, bottom: number): Grey {
  const [l, t] = [Math.max(0, left), Math.max(0, top)];
  const [width, height] = [Math.min(image.width, right) - l, Math.min(image.height, bottom) - t];
  const data = new Uint8ClampedArray(width * height);
  for (let y = 0; y < height; y++) {
    const start = (y + t) * image.width + l;
    data.set(image.data.subarray(start, start + width), y * width);
  }
  return { data, width, height };
}

/** Triangle filter, which averages when it makes an image smaller, as Pillow's BILINEAR. */
function resize(image: Grey, width: number, height: number): Grey {
  const wide = resizeRows(image, width);
  return transpose(resizeRows(transpose(wide), height));
}

function resizeRows(image: Grey, width: number): Grey {
  const scale = image.width / width;
  const support = Math.max(1, scale);
  const data = new Uint8ClampedArray(width * image.height);
  for (let x = 0; x < width; x++) {
    const center = (x + 0.5) * scale;
    const first = Math.max(0, Math.round(center - support));
    const last = Math.min(image.width, Math.round(center + support));
    const weights: number[] = [];
    for (let i = first; i < last; i++) weights.push(Math.max(0, 1 - Math.abs(i + 0.5 - center) / support));
    const sum = weights.reduce((a, b) => a + b, 0);
    for (let y = 0; y < image.height; y++) {
      const row = y * image.width + first;
      const value = weights.reduce((total, weight, i) => total + weight * image.data[row + i]!, 0);
      data[y * width + x] = Math.round(value / sum);
    }
  }
  return { data, width, height: image.height };
}

function transpose(image: Grey): Grey {
  const data = new Uint8ClampedArray(image.data.length);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) data[x * image.height + y] = image.data[y * image.width + x]!;
  }
  return { data, width: image.height, height: image.width };
}

function histogram(data: Uint8ClampedArray): Uint32Array {
  const counts = new Uint32Array(256);
  for (const level of data) counts[level]!++;
  return counts;
}

/** Linear between the two nearest ranks, as NumPy's. */
function percentile(data: Uint8ClampedArray, percent: number): number {
  const counts = histogram(data);
  const rank = (percent / 100) * (data.length - 1);
  const at = (wanted: number): number => {
    let sum = 0;
    for (let level = 0; level < 256; level++) if ((sum += counts[level]!) > wanted) return level;
    return 255;
  };
  const low = at(Math.floor(rank));
  return low + (rank % 1) * (at(Math.ceil(rank)) - low);
}

function neighbourhood(
  values: Float32Array,
  columns: number,
  rows: number,
  combine: (values: number[]) => number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (_, i) => {
    const [x, y] = [i % columns, Math.floor(i / columns)];
    const near: number[] = [];
    for (let v = Math.max(0, y - 1); v <= Math.min(rows - 1, y + 1); v++) {
      for (let u = Math.max(0, x - 1); u <= Math.min(columns - 1, x + 1); u++) near.push(values[v * columns + u]!);
    }
    return combine(near);
  });
}

function largest(values: number[]): number {
  return Math.max(...values);
}

function mean(values: number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function bilinear(values: Float32Array, columns: number, rows: number, u: number, v: number): number {
  const [x, y] = [Math.floor(u), Math.floor(v)];
  const [right, below] = [Math.min(columns - 1, x + 1), Math.min(rows - 1, y + 1)];
  const upper = values[y * columns + x]! * (1 - u + x) + values[y * columns + right]! * (u - x);
  const lower = values[below * columns + x]! * (1 - u + x) + values[below * columns + right]! * (u - x);
  return upper * (1 - v + y) + lower * (v - y);
}
