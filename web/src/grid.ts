// A grid of styles to choose from: one word in each.

import { radio } from "./controls";
import { outlineOf, trace } from "./outline";
import { Superseded, type Engine } from "./engine";
import { say } from "./i18n";
import { fitText, type Model } from "./model";
import { wrapSeed } from "./settings";
import { styleOfSeed } from "./styles";

const COUNT = 12;
const SAMPLE_LETTERS = 5;
const [WIDTH, HEIGHT] = [132, 56]; // CSS pixels
const MARGINS = [12, 4] as const;

/** The word of the grid: that of the language, or for another alphabet some of its letters. */
function sampleOf(model: Model): string {
  const [word] = fitText(model, say("sample")).lines.flat();
  const letters = [...model.alphabet].filter((character) => /[\p{L}\p{N}]/u.test(character));
  return word || letters.slice(0, SAMPLE_LETTERS).join("") || model.alphabet.slice(0, 1);
}

export class StyleGrid {
  private first = 0;
  private shown = "";
  private version = 0;

  constructor(
    private readonly place: HTMLElement,
    private readonly engine: Engine,
    private readonly choose: (seed: number) => void,
  ) {}

  /** Shows the page of styles with this one, chosen if it is the style in use. */
  show(seed: number, temperature: number, isUsed: boolean): void {
    const first = seed - (seed % COUNT);
    const key = [first, temperature, say("sample"), say("style")].join();
    if (key !== this.shown) {
      this.shown = key;
      this.first = first;
      this.build(temperature).catch((error: unknown) => {
        if (!(error instanceof Superseded) && key === this.shown) this.shown = ""; // tried again with the next change
      });
    }
    for (const input of this.place.querySelectorAll("input")) input.checked = isUsed && input.value === String(seed);
  }

  /** The first style of the next page. */
  next(): number {
    return wrapSeed(this.first + COUNT);
  }

  private async build(temperature: number): Promise<void> {
    const version = ++this.version;
    this.engine.forgetWaiting(this.place.id);
    const hadFocus = this.place.contains(document.activeElement);
    const canvases = Array.from({ length: COUNT }, () => document.createElement("canvas"));
    const cells = canvases.map((canvas, i) => {
      const seed = wrapSeed(this.first + i);
      const cell = radio(this.place.id, String(seed), canvas, false, () => this.choose(seed));
      const number = document.createElement("small");
      number.textContent = String(seed);
      number.setAttribute("aria-hidden", "true");
      cell.append(number);
      cell.querySelector("input")!.setAttribute("aria-label", say("styleName", seed));
      return cell;
    });
    this.place.replaceChildren(...cells);
    if (hadFocus) this.place.querySelector<HTMLInputElement>("input")?.focus();
    await Promise.all(canvases.map((canvas, i) => this.draw(canvas, wrapSeed(this.first + i), temperature, version)));
  }

  private async draw(canvas: HTMLCanvasElement, seed: number, temperature: number, version: number): Promise<void> {
    const { model } = this.engine;
    const ink = await this.engine.write(sampleOf(model), styleOfSeed(seed, model.z_dim, temperature), this.place.id);
    if (version !== this.version) return;
    const density = Math.max(1, devicePixelRatio);
    canvas.width = WIDTH * density;
    canvas.height = HEIGHT * density;
    const context = canvas.getContext("2d")!;
    const scale = density * Math.min((WIDTH - 2 * MARGINS[0]) / ink.width, (HEIGHT - 2 * MARGINS[1]) / ink.height);
    context.setTransform(scale, 0, 0, scale, (canvas.width - scale * ink.width) / 2, (canvas.height - scale * ink.height) / 2); // prettier-ignore
    context.beginPath();
    trace(outlineOf(ink), (x, y) => context.moveTo(x, y), (cx, cy, x, y) => context.quadraticCurveTo(cx, cy, x, y)); // prettier-ignore
    context.fillStyle = getComputedStyle(canvas).color;
    context.fill("evenodd");
  }
}
