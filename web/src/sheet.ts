// The page on the screen: drawn as its words are written, and its downloads.

import { drawPage, pdfOfPages, pngOf, svgOf } from "./draw";
import { NotLoaded, PAGE, Superseded, type Engine, type Ink } from "./engine";
import { currentLanguage, messageOf, say, sayCount } from "./i18n";
import { layOut, type Page, type Word } from "./layout";
import type { FittedText } from "./model";
import type { Settings } from "./settings";
import type { Style } from "./styles";

const LONGEST_LABEL = 5000; // characters of a page that a screen reader is given, more than a full one has
const LONG = 2000; // ms of writing, after which a screen reader is told that it has ended
const NEAR = "50%"; // of the screen's height; pages nearer to it are drawn
// Of the window, and of what scrolls in it; browsers that do not know the second draw a page when it is reached.
const SURROUNDINGS = { rootMargin: NEAR, scrollMargin: NEAR };
const PRINTED_PER_MM = 8; // pixels of pages on paper
const MOST_PRINTED = 150e6; // pixels of all of them, which take four bytes each

export class Sheet {
  private pages: Page[] = [];
  private settings: Settings | null = null;
  private frame = 0;
  private version = 0;
  private isDrawn = false;
  private isPrinted = false;
  private writing: Promise<void> | null = null;
  /** Canvases on or near the screen: the others are empty, for those of a long text would take a gigabyte. */
  private readonly near = new Set<Element>();
  private readonly observer = new IntersectionObserver((entries) => this.notice(entries), SURROUNDINGS);
  private readonly element = document.getElementById("pages")!;
  private readonly progress = document.getElementById("progress")!;

  constructor(private readonly engine: Engine) {
    new ResizeObserver(() => this.draw()).observe(this.element);
    addEventListener("beforeprint", () => {
      this.isPrinted = true;
      this.paint();
    });
    addEventListener("afterprint", () => {
      this.isPrinted = false;
      this.draw();
    });
  }

  private readonly find = (word: Word): Ink | undefined => this.engine.find(word.text, word.style);

  /** Lays the text out and writes what is new in it. */
  show(text: FittedText, style: Style, settings: Settings): void {
    this.settings = settings;
    this.pages = layOut(this.engine.model, text.lines, style, settings);
    this.matchCanvases();
    this.draw();
    this.rewrite().catch((error: unknown) => this.announce(failureOf(error)));
  }

  /** Writes what is missing of the text of now; whoever waits for it waits for the same. */
  private rewrite(): Promise<void> {
    const writing = this.write().finally(() => {
      if (this.writing === writing) this.writing = null;
    });
    this.writing = writing;
    return writing;
  }

  /** Says what happened, to a screen reader too. */
  announce(text: string): void {
    this.progress.ariaLive = "polite";
    this.progress.textContent = text;
  }

  private async write(): Promise<void> {
    const version = ++this.version;
    this.engine.forgetWaiting(PAGE);
    const words = this.words();
    const missing = words.filter((word) => !this.find(word));
    let count = words.length - missing.length;
    const failures: unknown[] = [];
    const begin = performance.now();
    const tell = (): void => {
      const isReady = count + failures.length === words.length;
      // A screen reader need not count along, nor hear of every letter that is typed.
      this.progress.ariaLive = isReady && performance.now() - begin > LONG ? "polite" : "off";
      this.progress.textContent = isReady ? sayCount("ready", count) : say("progress", count, words.length);
      this.element.setAttribute("aria-busy", String(!isReady));
    };
    tell();
    await Promise.all(
      missing.map(async (word) => {
        try {
          await this.engine.write(word.text, word.style, PAGE);
          count++;
        } catch (error) {
          if (error instanceof Superseded) return;
          failures.push(error);
        }
        if (version !== this.version) return;
        tell();
        this.draw();
      }),
    );
    if (failures.length && version === this.version) throw failures[0];
  }

  private words(): Word[] {
    return this.pages.flatMap((page) => page.words);
  }

  /** A canvas for each page, with its text for those who cannot see it. */
  private matchCanvases(): void {
    while (this.element.children.length > this.pages.length) {
      const last = this.element.lastElementChild!;
      this.observer.unobserve(last);
      this.near.delete(last);
      last.remove();
    }
    while (this.element.children.length < this.pages.length) {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      this.element.append(canvas);
      this.observer.observe(canvas);
    }
    this.pages.forEach((page, i) => {
      const canvas = this.element.children[i] as HTMLCanvasElement;
      const text = page.words.map((word) => word.text).join(" ");
      canvas.lang = currentLanguage();
      canvas.style.aspectRatio = `${page.size.width} / ${page.size.height}`;
      canvas.style.setProperty("--width", `${page.size.width}mm`); // on paper
      canvas.setAttribute("aria-label", say("pageLabel", i + 1, this.pages.length, text.slice(0, LONGEST_LABEL)));
    });
  }

  private notice(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) this.near[isIntersecting ? "add" : "delete"](target);
    this.draw();
  }

  /** Draws the pages that can be seen before the next frame. */
  private draw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
      if (this.isDrawn || !this.settings || !this.words().some(this.find)) return;
      this.isDrawn = true;
      performance.mark("hwgan-word-drawn");
    });
  }

  /** Draws the pages on or near the screen, or for paper all. */
  private paint(): void {
    const { settings } = this;
    if (!settings) return;
    const printed = Math.min(PRINTED_PER_MM, Math.sqrt(MOST_PRINTED / this.pages.reduce((sum, { size }) => sum + size.width * size.height, 1))); // prettier-ignore
    this.pages.forEach((page, i) => {
      const canvas = this.element.children[i] as HTMLCanvasElement;
      if (!this.isPrinted && !this.near.has(canvas)) {
        if (canvas.width) canvas.width = canvas.height = 0; // its place is kept by its style
        return;
      }
      const shown = this.isPrinted ? page.size.width * printed : canvas.clientWidth * Math.max(1, devicePixelRatio);
      const width = Math.max(1, Math.round(shown));
      const height = Math.round((width * page.size.height) / page.size.width);
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      drawPage(canvas.getContext("2d")!, page, this.find, settings, width / page.size.width);
    });
  }

  /** The file of all pages, once every word is written, and the resolution of a PNG; other kinds have any. */
  async file(kind: string): Promise<{ file: Blob; dpi: number }> {
    // Again, if the text changes meanwhile.
    while (this.words().some((word) => !this.find(word))) await (this.writing ?? this.rewrite());
    const { pages, settings } = this;
    if (!settings) throw new Error("there is no page yet");
    if (kind === "png") return pngOf(pages, this.find, settings);
    const file = kind === "pdf" ? await pdfOfPages(pages, this.find, settings) : svgOf(pages, this.find, settings);
    return { file, dpi: Infinity };
  }
}

/** What is wrong where words are not written. */
export function failureOf(error: unknown): string {
  return say(error instanceof NotLoaded ? "notLoaded" : "failed", messageOf(error));
}

/** Gives a file to the browser to save. */
export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
