// A PDF of outlines: for each page one compressed stream of paths. Units are points, and y points up.

import { trace, type Outline } from "./outline";
import type { Rule } from "./paper";

export interface PdfPage {
  /** In mm. */
  size: { width: number; height: number };
  rules: Rule[];
  words: { outline: Outline; x: number; y: number; scale: number }[];
}

const POINTS = 72 / 25.4; // per mm

export async function pdfOf(pages: PdfPage[], color: string): Promise<Blob> {
  const file = new PdfFile();
  const [catalog, tree, ...rest] = Array.from({ length: 2 + 2 * pages.length }, (_, i) => i + 1);
  const kids = pages.map((_, i) => `${rest[2 * i]} 0 R`).join(" ");
  file.add(`<< /Type /Catalog /Pages ${tree} 0 R >>`);
  file.add(`<< /Type /Pages /Count ${pages.length} /Kids [${kids}] >>`);
  for (const [i, page] of pages.entries()) {
    const content = rest[2 * i + 1];
    const size = `[0 0 ${number(page.size.width * POINTS)} ${number(page.size.height * POINTS)}]`;
    file.add(`<< /Type /Page /Parent ${tree} 0 R /MediaBox ${size} /Resources << >> /Contents ${content} 0 R >>`);
    const stream = await deflate(contentOf(page, color));
    file.add(`<< /Length ${stream.length} /Filter /FlateDecode >>\nstream\n`, stream, "\nendstream");
  }
  return file.finish(catalog!);
}

/** The operators that draw a page. */
function contentOf(page: PdfPage, color: string): string {
  const parts = [`${number(POINTS)} 0 0 ${number(-POINTS)} 0 ${number(page.size.height * POINTS)} cm`]; // to mm from the top
  for (const { x1, y1, x2, y2, color: stroke, width } of page.rules) {
    const line = `${number(x1)} ${number(y1)} m ${number(x2)} ${number(y2)} l S`;
    parts.push(`${channels(stroke)} RG ${number(width)} w ${line}`);
  }
  parts.push(`${channels(color)} rg`);
  for (const { outline, x, y, scale } of page.words) {
    if (!outline.length) continue; // a fill needs a path
    parts.push(`q ${number(scale)} 0 0 ${number(scale)} ${number(x)} ${number(y)} cm`);
    let [lastX, lastY] = [0, 0];
    trace(
      outline,
      (x, y) => {
        parts.push(`${number(x)} ${number(y)} m`);
        [lastX, lastY] = [x, y];
      },
      (cx, cy, x, y) => {
        // PDF has only cubic curves.
        const controls = [lastX + (2 / 3) * (cx - lastX), lastY + (2 / 3) * (cy - lastY)];
        controls.push(x + (2 / 3) * (cx - x), y + (2 / 3) * (cy - y));
        parts.push(`${controls.map(number).join(" ")} ${number(x)} ${number(y)} c`);
        [lastX, lastY] = [x, y];
      },
    );
    parts.push("f* Q");
  }
  return parts.join("\n");
}

/** Objects one after the other, and at the end the table of where each begins. */
class PdfFile {
  private readonly parts: (string | Uint8Array)[] = ["%PDF-1.4\n"];
  private readonly offsets: number[] = [];

  add(...content: (string | Uint8Array)[]): void {
    this.offsets.push(this.length());
    this.parts.push(`${this.offsets.length} 0 obj\n`, ...content, "\nendobj\n");
  }

  finish(catalog: number): Blob {
    const start = this.length();
    const count = this.offsets.length + 1;
    const rows = this.offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`);
    this.parts.push(`xref\n0 ${count}\n0000000000 65535 f \n${rows.join("")}`);
    this.parts.push(`trailer\n<< /Size ${count} /Root ${catalog} 0 R >>\nstartxref\n${start}\n%%EOF\n`);
    return new Blob(this.parts as BlobPart[], { type: "application/pdf" });
  }

  private length(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0); // all text in it is ASCII
  }
}

async function deflate(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function channels(color: string): string {
  return [1, 3, 5].map((i) => number(parseInt(color.slice(i, i + 2), 16) / 255)).join(" ");
}

function number(value: number): string {
  return String(Math.round(value * 10000) / 10000);
}
