// Draws pages on a canvas, and writes them as PNG, SVG and PDF: the same outlines everywhere.

import type { Ink } from "./engine";
import { say } from "./i18n";
import type { Page, Word } from "./layout";
import { outlineOf, trace, type Outline } from "./outline";
import { rulesOf, SHEET_COLOR } from "./paper";
import { pdfOf, type PdfPage } from "./pdf";
import { withResolution } from "./png";
import type { Settings } from "./settings";

export type Look = Pick<Settings, "paper" | "color">;
export type FindInk = (word: Word) => Ink | undefined;

const MM_PER_INCH = 25.4;
export const PRINT_DPI = 300;
const MOST_PIXELS = 16000; // height of a canvas that all browsers can make
const LARGEST_AREA = 2 ** 24; // pixels of a canvas that phones can make
const outlines = new WeakMap<Ink, { outline: Outline; path: Path2D }>();

function shapeOf(ink: Ink): { outline: Outline; path: Path2D } {
  let shape = outlines.get(ink);
  if (!shape) {
    const outline = outlineOf(ink);
    const path = new Path2D();
    trace(outline, (x, y) => path.moveTo(x, y), (cx, cy, x, y) => path.quadraticCurveTo(cx, cy, x, y)); // prettier-ignore
    shape = { outline, path };
    outlines.set(ink, shape);
  }
  return shape;
}

/** Draws a page; `scale` is the number of pixels of the canvas per mm. */
export function drawPage(
  context: CanvasRenderingContext2D,
  page: Page,
  find: FindInk,
  look: Look,
  scale: number,
  top = 0,
): void {
  context.setTransform(scale, 0, 0, scale, 0, top);
  context.fillStyle = SHEET_COLOR;
  context.fillRect(0, 0, page.size.width + 1, page.size.height + 1); // also the part of a pixel at the end
  for (const rule of rulesOf(look.paper, page)) {
    context.strokeStyle = rule.color;
    context.lineWidth = rule.width;
    context.beginPath();
    context.moveTo(rule.x1, rule.y1);
    context.lineTo(rule.x2, rule.y2);
    context.stroke();
  }
  context.fillStyle = look.color;
  for (const word of page.words) {
    const ink = find(word);
    if (!ink) continue;
    const pixel = scale * word.scale;
    context.setTransform(pixel, 0, 0, pixel, scale * word.x, top + scale * word.y);
    context.fill(shapeOf(ink).path, "evenodd");
  }
}

/** All pages, one under the other, with 300 dpi or as near to it as a canvas of this browser can be. */
export async function pngOf(pages: Page[], find: FindInk, look: Look): Promise<{ file: Blob; dpi: number }> {
  const { width } = pages[0]!.size;
  const height = pages.length * pages[0]!.size.height;
  const highest = Math.min(PRINT_DPI, (MM_PER_INCH * MOST_PIXELS) / height);
  const safe = Math.min(highest, MM_PER_INCH * Math.sqrt(LARGEST_AREA / (width * height)));
  for (const dpi of new Set([highest, safe].map(Math.floor))) {
    const canvas = drawAll(pages, find, look, dpi / MM_PER_INCH);
    const png = canvas && (await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png")));
    if (png?.size) return { file: await withResolution(png, dpi / MM_PER_INCH), dpi };
  }
  throw new Error(say("tooLarge"));
}

/** All pages on a canvas; null where it is too large for this browser, which then draws nothing. */
function drawAll(pages: Page[], find: FindInk, look: Look, scale: number): HTMLCanvasElement | null {
  const { size } = pages[0]!;
  const height = Math.round(size.height * scale);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(size.width * scale);
  canvas.height = height * pages.length;
  const context = canvas.getContext("2d");
  if (!context) return null;
  pages.forEach((page, i) => drawPage(context, page, find, look, scale, i * height));
  return context.getImageData(0, canvas.height - 1, 1, 1).data[3] ? canvas : null;
}

/** All pages, one under the other; units are mm. */
export function svgOf(pages: Page[], find: FindInk, look: Look): Blob {
  const { size } = pages[0]!;
  const height = pages.length * size.height;
  const box = `width="${size.width}mm" height="${height}mm" viewBox="0 0 ${size.width} ${height}"`;
  const parts = [`<svg xmlns="http://www.w3.org/2000/svg" ${box}>`];
  pages.forEach((page, i) => {
    parts.push(`<g transform="translate(0 ${i * size.height})">`);
    parts.push(`<rect width="${size.width}" height="${size.height}" fill="${SHEET_COLOR}"/>`);
    for (const { x1, y1, x2, y2, color, width } of rulesOf(look.paper, page)) {
      parts.push(`<path d="M${short(x1)} ${short(y1)}L${short(x2)} ${short(y2)}" stroke="${color}" stroke-width="${width}"/>`);
    }
    parts.push(`<g fill="${look.color}" fill-rule="evenodd">`);
    for (const word of page.words) {
      const ink = find(word);
      if (!ink) continue;
      const place = `translate(${short(word.x)} ${short(word.y)}) scale(${word.scale.toFixed(5)})`;
      const label = word.text.replace(/[<&>"]/g, (character) => `&#${character.charCodeAt(0)};`);
      let path = "";
      trace(
        shapeOf(ink).outline,
        (x, y) => (path += `${path && "z"}M${short(x)} ${short(y)}`),
        (cx, cy, x, y) => (path += `Q${short(cx)} ${short(cy)} ${short(x)} ${short(y)}`),
      );
      if (path) parts.push(`<path aria-label="${label}" transform="${place}" d="${path}z"/>`);
    }
    parts.push("</g></g>");
  });
  parts.push("</svg>");
  return new Blob([parts.join("\n")], { type: "image/svg+xml" });
}

/** One PDF page for each page. */
export function pdfOfPages(pages: Page[], find: FindInk, look: Look): Promise<Blob> {
  const drawn = pages.map((page): PdfPage => {
    const words = page.words.flatMap((word) => {
      const ink = find(word);
      return ink ? [{ ...word, outline: shapeOf(ink).outline }] : [];
    });
    return { size: page.size, rules: rulesOf(look.paper, page), words };
  });
  return pdfOf(drawn, look.color);
}

function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}
