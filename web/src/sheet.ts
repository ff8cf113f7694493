// The page on the screen: drawn as its words are written, and its downloads.

import { drawPage, pdfOfPages, pngOf, svgOf } from "./draw";
import { Superseded, type Engine, type Ink } from "./engine";
import { currentLanguage, say } from "./i18n";
import { layOut, type Page, type Word } from "./layout";
import type { FittedText } from "./model";
import type { Settings } from "./settings";
import type { Style } from "./styles";

const LONGEST_LABEL = 1000; // characters of a page that a screen reader is given

export class Sheet {
  private pages: Page[] = [];
  private settings: Settings | null = null;
  private frame = 0;
  private version = 0;
  private readonly element = document.getElementById("pages")!;
  private readonly progress = document.getElementById("progress")!;

  constructor(private readonly engine: Engine) {
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  private readonly find = (word: Word): Ink | undefined => this.engine.find(word.text, word.style);

  /** Lays the text out and writes what is new in it. */
  show(text: FittedText, style: Style, settings: Settings): void {
    this.settings = settings;
    this.pages = layOut(this.engine.model, text.lines, style, settings);
    this.matchCanvases();
    this.draw();
    this.write().catch((error: unknown) => (this.progress.textContent = say("failed", String(error))));
  }

  private async write(): Promise<void> {
    const version = ++this.version;
    this.engine.forgetWaiting();
    const words = this.words();
    const missing = words.filter((word) => !this.find(word));
    let count = words.length - missing.length;
    const tell = (): void => {
      const isReady = count === words.length;
      this.progress.ariaLive = isReady ? "polite" : "off"; // a screen reader need not count along
      this.progress.textContent = isReady ? say("ready", count) : say("progress", count, words.length);
      this.element.setAttribute("aria-busy", String(!isReady));
    };
    tell();
    await Promise.all(
      missing.map(async (word) => {
        try {
          await this.engine.write(word.text, word.style, true);
        } catch (error) {
          if (!(error instanceof Superseded)) throw error;
          return;
        }
        if (version !== this.version) return;
        count++;
        tell();
        this.draw();
      }),
    );
  }

  private words(): Word[] {
    return this.pages.flatMap((page) => page.words);
  }

  /** A canvas for each page, with its text for those who cannot see it. */
  private matchCanvases(): void {
    while (this.element.children.length > this.pages.length) this.element.lastElementChild!.remove();
    while (this.element.children.length < this.pages.length) {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      this.element.append(canvas);
    }
    this.pages.forEach((page, i) => {
      const canvas = this.element.children[i] as HTMLCanvasElement;
      const text = page.words.map((word) => word.text).join(" ");
      canvas.lang = currentLanguage();
      canvas.style.aspectRatio = `${page.size.width} / ${page.size.height}`;
      canvas.setAttribute("aria-label", say("pageLabel", i + 1, this.pages.length, text.slice(0, LONGEST_LABEL)));
    });
  }

  /** Draws all pages before the next frame. */
  private draw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const { settings } = this;
      if (!settings) return;
      this.pages.forEach((page, i) => {
        const canvas = this.element.children[i] as HTMLCanvasElement;
        const width = Math.max(1, Math.round(canvas.clientWidth * Math.max(1, devicePixelRatio)));
        const height = Math.round((width * page.size.height) / page.size.width);
        if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
        drawPage(canvas.getContext("2d")!, page, this.find, settings, width / page.size.width);
      });
      if (this.words().some(this.find)) performance.mark("hwgan-word-drawn");
    });
  }

  /** The file of all pages, once every word is written. */
  async file(kind: string): Promise<Blob> {
    while (this.words().some((word) => !this.find(word))) await this.write(); // again, if the text changes meanwhile
    const { pages, settings } = this;
    if (!settings) throw new Error("there is no page yet");
    if (kind === "pdf") return pdfOfPages(pages, this.find, settings);
    return kind === "svg" ? svgOf(pages, this.find, settings) : pngOf(pages, this.find, settings);
  }
}

/** Gives a file to the browser to save. */
export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
