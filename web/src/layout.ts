// Where the words stand on the pages, in mm. It needs only the widths of the words, so it is known before they are drawn.

import { keyOf, normal } from "./random";
import { vary, type Style } from "./styles";
import { widthOf, type Model } from "./model";
import { FORMATS, type Settings } from "./settings";

const ESCAPE = 0.08; // of an x-height: how far words leave their baseline
const GAP_VARIATION = 0.08; // of the space between words
const CLOSING = /^[?!;:.,…»)\]}%€”]+$/; // signs that begin no line: in French they stand apart, as in "Qui ?"
const OPENING = /^[«([{“„¿¡]+$/; // signs that end none

export interface Word {
  text: string;
  style: Style;
  /** Place of its image: left, top, and the size of a pixel, in mm. */
  x: number;
  y: number;
  scale: number;
}

export interface Page {
  /** In mm. */
  size: { width: number; height: number; margin: number };
  words: Word[];
  /** Heights of the baselines, in mm from the top, also of those that are empty. */
  baselines: number[];
}

/** Lines of words → pages. */
export function layOut(model: Model, lines: string[][], style: Style, settings: Settings): Page[] {
  const size = FORMATS[settings.format];
  const xHeight = settings.size;
  const scale = xHeight / model.image.x_height;
  const step = settings.lineHeight * xHeight;
  const top = size.margin + model.image.baseline * scale;
  const perPage = Math.max(1, Math.floor((size.height - size.margin - top) / step) + 1);
  const right = size.width - size.margin;
  const words: (Word & { line: number })[] = [];
  const seen = new Map<string, number>();
  let line = 0;
  for (const texts of lines) {
    let x: number = size.margin;
    const sized = texts.map((text) => {
      const count = seen.get(text) ?? 0;
      seen.set(text, count + 1);
      const own = count ? vary(style, settings.temperature, [hash(text), count]) : style;
      const pixels = widthOf(model, text, own);
      const ownScale = Math.min(scale, (right - size.margin) / pixels); // one wider than a line is narrowed to it
      return { text, style: own, scale: ownScale, width: pixels * ownScale };
    });
    const bound = texts.map((text, i) => i > 0 && (CLOSING.test(text) || OPENING.test(texts[i - 1]!)));
    for (const [i, word] of sized.entries()) {
      const noise = normal(keyOf(hash(`${word.text} ${words.length}`)), 2);
      let needed = word.width; // with the words that stay on its line
      for (let j = i + 1; !bound[i] && bound[j]; j++) needed += settings.wordSpace * xHeight + sized[j]!.width;
      if (x + needed > right && x > size.margin) {
        x = size.margin;
        line++;
      }
      const baseline = top + (line % perPage) * step + ESCAPE * xHeight * noise[0]!;
      const { text, style: own, scale: ownScale } = word;
      words.push({ text, style: own, x, y: baseline - model.image.baseline * ownScale, scale: ownScale, line });
      x += word.width + settings.wordSpace * xHeight * (1 + GAP_VARIATION * noise[1]!);
    }
    line++;
  }
  const count = Math.max(1, Math.ceil((Math.max(0, ...words.map((word) => word.line)) + 1) / perPage));
  const baselines = Array.from({ length: perPage }, (_, i) => top + i * step);
  return Array.from({ length: count }, (_, page) => ({
    size,
    words: words.filter((word) => Math.floor(word.line / perPage) === page),
    baselines,
  }));
}

/** A number below 2^32 for a text (FNV-1a). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
