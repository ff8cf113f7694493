// Starts the page, and passes what the user changes to what is drawn.

import { buildControls } from "./controls";
import { PRINT_DPI } from "./draw";
import { Engine } from "./engine";
import { StyleGrid } from "./grid";
import { HandPanel } from "./hand/panel";
import { currentLanguage, isDefaultText, messageOf, namesOf, say, translatePage, type Language } from "./i18n";
import { fitText, labelsOf, loadModel, type FittedText, type Model } from "./model";
import { defaults, fromHash, LONGEST_TEXT, seedOf, SEEDS, toHash, wrapSeed, type Settings } from "./settings";
import { failureOf, save, Sheet } from "./sheet";
import { between, styleOfSeed, type Style } from "./styles";

const NARROW = 700; // CSS pixels, below which a page of A4 would be too small to read

const ADDRESS_DELAY = 200; // ms; browsers refuse to change the address very often

const LONGEST_NAME = 30; // characters of a word in a note

const get = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

class App {
  private settings: Settings;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly sheet: Sheet;
  private readonly hand: HandPanel;
  private readonly grid: StyleGrid;
  private readonly otherGrid: StyleGrid;

  constructor(
    private readonly model: Model,
    engine: Engine,
  ) {
    this.settings = fromHash(location.hash, this.base());
    const typed = get<HTMLTextAreaElement>("text").value; // while the networks were loaded
    if (typed) this.settings = { ...this.settings, text: typed };
    this.sheet = new Sheet(engine);
    this.hand = new HandPanel(engine, () => this.refresh());
    this.grid = new StyleGrid(get("styles"), engine, (seed) => this.choose(seed));
    this.otherGrid = new StyleGrid(get("other-styles"), engine, (otherSeed) => this.change({ otherSeed }));
    this.listen();
    this.translate(currentLanguage());
  }

  private base(): Settings {
    return defaults(say("defaultText"), this.model.temperature, innerWidth < NARROW ? "a6" : "a4");
  }

  private listen(): void {
    get<HTMLTextAreaElement>("text").addEventListener("input", (event) =>
      this.change({ text: (event.target as HTMLTextAreaElement).value }),
    );
    get<HTMLInputElement>("seed").addEventListener("input", (event) => {
      const field = event.target as HTMLInputElement;
      const seed = seedOf(field.value);
      field.setCustomValidity(seed === null && field.value ? say("seedRange", SEEDS - 1) : "");
      field.reportValidity();
      if (seed !== null) this.choose(seed);
    });
    get("more-styles").addEventListener("click", () => this.choose(this.grid.next()));
    get<HTMLInputElement>("blend-on").addEventListener("change", (event) =>
      this.change({ otherSeed: (event.target as HTMLInputElement).checked ? wrapSeed(this.settings.seed + 1) : null }),
    );
    for (const button of document.querySelectorAll<HTMLElement>("[data-download]")) {
      const kind = button.dataset["download"]!;
      button.addEventListener("click", () => void this.download(kind));
    }
    get("link").addEventListener("click", () => void this.copyLink());
    addEventListener("hashchange", () => {
      this.hand.turnOff(); // a link says nothing of a photo
      this.settings = fromHash(location.hash, this.base());
      this.translate(currentLanguage());
    });
  }

  private async download(kind: string): Promise<void> {
    try {
      const { file, dpi } = await this.sheet.file(kind);
      save(file, `hwgan.${kind}`);
      if (dpi < PRINT_DPI) this.sheet.announce(say("smallPicture", dpi));
    } catch (error) {
      this.sheet.announce(say("noFile", messageOf(error)));
    }
  }

  private async copyLink(): Promise<void> {
    try {
      this.keepAddress(); // some browsers refuse to change the address as often as that
      await navigator.clipboard.writeText(location.href); // there is none on a page without https
      this.sheet.announce(say(this.hand.isOn ? "linkWithoutHand" : "linkCopied"));
    } catch {
      this.sheet.announce(say("linkNotCopied"));
    }
  }

  /** Says everything in a language; the text stays, unless it is the page's own. */
  translate(language: Language): void {
    const isAnother = language !== currentLanguage(); // else the letter of another language comes from a link, and stays
    translatePage(language);
    if (isAnother && isDefaultText(this.settings.text)) this.settings.text = say("defaultText");
    get<HTMLTextAreaElement>("text").value = this.settings.text;
    buildControls(this.settings, (change) => this.change(change));
    this.hand.translate();
    const { licence } = this.model;
    get("licence").textContent = licence[language] ?? licence["en"] ?? say("licenceUnknown");
    get("machine").textContent = say("machine", this.model.weights);
    this.refresh();
  }

  private change(change: Partial<Settings>): void {
    this.settings = { ...this.settings, ...change };
    this.refresh();
  }

  /** A style of the grid takes the place of that of a photo. */
  private choose(seed: number): void {
    this.hand.turnOff();
    this.change({ seed });
  }

  /** The style of the page. */
  style(): Style {
    const { seed, otherSeed, blend, temperature, width } = this.settings;
    let style = this.hand.style() ?? styleOfSeed(seed, this.model.z_dim, temperature);
    if (otherSeed !== null) {
      style = between(style, styleOfSeed(otherSeed, this.model.z_dim, temperature), blend / 100);
    }
    return style.map((value, i) => (i ? value : value + width));
  }

  /** Shows the settings everywhere. */
  private refresh(): void {
    const { settings } = this;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keepAddress(), ADDRESS_DELAY);
    const seed = get<HTMLInputElement>("seed");
    if (seedOf(seed.value) !== settings.seed) seed.value = String(settings.seed);
    get<HTMLInputElement>("blend-on").checked = settings.otherSeed !== null;
    get("second-style").hidden = settings.otherSeed === null;
    const text = fitText(this.model, settings.text);
    this.note(text);
    this.sheet.show(text, this.style(), settings);
    this.grid.show(settings.seed, settings.temperature, !this.hand.isOn);
    if (settings.otherSeed !== null) this.otherGrid.show(settings.otherSeed, settings.temperature, true);
  }

  private keepAddress(): void {
    const hash = toHash(this.settings, this.base());
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  }

  private note({ lines, unwritable, cut }: FittedText): void {
    const words = lines.flat();
    const rare = [...new Set(words.join(""))].filter((character) => character in this.model.rare_characters);
    const long = words.find((word) => [...word].length > this.model.max_length);
    const notes: string[] = [];
    if (unwritable.length) notes.push(say("unwritable", namesOf(unwritable)));
    if (cut.length) notes.push(say("cutWord", shortened(cut[0]!), this.model.longest_word));
    else if (long) notes.push(say("longWord", shortened(long), this.model.max_length));
    if (rare.length) notes.push(say("rare", rare.join(" ")));
    if (this.settings.text.length >= LONGEST_TEXT) notes.push(say("tooLong", LONGEST_TEXT));
    const note = notes.join(" ");
    if (get("text-note").textContent !== note) get("text-note").textContent = note; // said anew only if it is another
  }
}

async function start(): Promise<void> {
  let app: App | null = null;
  let state = (): string => say("loading");
  const tell = (next: () => string): void => {
    state = next;
    get("progress").textContent = state();
  };
  translatePage(currentLanguage());
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
    button.addEventListener("click", () => {
      const language = button.dataset["language"] as Language;
      if (app) return app.translate(language);
      translatePage(language);
      tell(state);
    });
  }
  for (const kind of ["dragover", "drop"] as const) {
    // A photo that misses its box would be opened in place of the page.
    document.addEventListener(kind, (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    });
  }
  tell(() => say("loading"));
  let model: Model;
  try {
    model = await loadModel();
  } catch (error) {
    tell(() => say("notLoaded", messageOf(error)));
    throw error;
  }
  if (model.right_to_left) {
    tell(() => say("rightToLeft"));
    return;
  }
  try {
    const engine = new Engine(model);
    await engine.start();
    app = new App(model, engine);
    publish(model, engine, app);
  } catch (error) {
    tell(() => failureOf(error));
    throw error;
  }
}

/** The beginning of a long word. */
function shortened(word: string): string {
  return word.length > LONGEST_NAME ? `${word.slice(0, LONGEST_NAME)}…` : word;
}

/** For the console, and for tests: `await hwgan.write("Bonjour", 3)`, the ink of a word in the style of a seed. */
function publish(model: Model, engine: Engine, app: App): void {
  const write = async (word: string, seed: number, temperature = model.temperature): Promise<object> => {
    labelsOf(model, word); // refuses other characters
    const { data, width, height } = await engine.write(word, styleOfSeed(seed, model.z_dim, temperature), "console");
    return { data: Array.from(data, (level) => level / 255), width, height };
  };
  Object.assign(globalThis, {
    hwgan: { backend: () => engine.backend, write, style: () => Array.from(app.style()) },
  });
}

void start();
