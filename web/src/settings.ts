// What the user chose, and its form in the address of the page.

export const PAPERS = ["plain", "lined", "squared"] as const;
export type Paper = (typeof PAPERS)[number];

/** Sizes of the paper, in mm. */
export const FORMATS = {
  a4: { width: 210, height: 297, margin: 22 },
  letter: { width: 215.9, height: 279.4, margin: 22 },
  a6: { width: 105, height: 148, margin: 11 },
} as const;
export type Format = keyof typeof FORMATS;

export interface Settings {
  text: string;
  /** Seed of the style; of the second one, or null where there is none. */
  seed: number;
  otherSeed: number | null;
  /** From the first style, 0, to the second, 100. */
  blend: number;
  temperature: number;
  /** Letters narrower or wider than those of the style, in standard deviations. */
  width: number;
  /** x-height in mm. */
  size: number;
  /** Space between words, in x-heights. */
  wordSpace: number;
  /** From baseline to baseline, in x-heights. */
  lineHeight: number;
  paper: Paper;
  format: Format;
  color: string;
}

/** Bounds and steps of the sliders, in the units of `Settings`. */
export const RANGES = {
  blend: { min: 0, max: 100, step: 1 },
  temperature: { min: 0.1, max: 2, step: 0.01 },
  width: { min: -3, max: 3, step: 0.1 },
  size: { min: 0.8, max: 5, step: 0.1 },
  wordSpace: { min: 0.5, max: 5, step: 0.1 },
  lineHeight: { min: 3, max: 10, step: 0.1 },
} as const;
export type Slider = keyof typeof RANGES;

export const SEEDS = 2 ** 32; // from 0
export const LONGEST_TEXT = 10000; // characters

export function defaults(text: string, temperature: number, format: Format): Settings {
  return {
    text,
    seed: 5,
    otherSeed: null,
    blend: 50,
    temperature,
    width: 0,
    size: format === "a6" ? 1.6 : 2,
    wordSpace: 1.5,
    lineHeight: 4.8,
    paper: "plain",
    format,
    color: "#1f2d5c",
  };
}

// What an address does not say; the same on every screen and in every language, so that a link is a page.
const UNSAID = defaults("", 1, "a4");

/** The part of the address after "#"; "" while nothing was changed. */
export function toHash(settings: Settings, base: Settings): string {
  const differing = (from: Settings): [string, unknown][] =>
    Object.entries(settings).filter(([name, value]) => value !== from[name as keyof Settings]);
  const parts = new URLSearchParams();
  if (!differing(base).length) return "";
  for (const [name, value] of differing(UNSAID)) parts.set(name, String(value));
  if (!settings.text) parts.set("text", ""); // an address without a text stands for the letter of the language
  return parts.toString();
}

/** The settings of an address, which anyone may have written: what is missing or out of range has a default. */
export function fromHash(hash: string, base: Settings): Settings {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  if (![...parts].length) return base; // `size` is younger than browsers that can run the rest
  const settings = { ...UNSAID, text: base.text };
  const text = parts.get("text");
  if (text !== null) settings.text = text.slice(0, LONGEST_TEXT);
  for (const [name, { min, max }] of Object.entries(RANGES)) {
    const value = Number(parts.get(name) ?? Number.NaN);
    if (value >= min && value <= max) settings[name as Slider] = value;
  }
  settings.seed = seedOf(parts.get("seed")) ?? UNSAID.seed;
  settings.otherSeed = seedOf(parts.get("otherSeed"));
  const paper = PAPERS.find((kind) => kind === parts.get("paper"));
  if (paper) settings.paper = paper;
  const format = Object.keys(FORMATS).find((kind) => kind === parts.get("format"));
  if (format) settings.format = format as Format;
  const color = parts.get("color");
  if (color && /^#[0-9a-f]{6}$/i.test(color)) settings.color = color.toLowerCase();
  return settings;
}

/** A seed that was typed or is in an address; null for anything else. */
export function seedOf(text: string | null): number | null {
  if (text === null || !/^\d{1,10}$/.test(text)) return null;
  const seed = Number(text);
  return seed < SEEDS ? seed : null;
}

/** After the last seed comes the first. */
export function wrapSeed(seed: number): number {
  return seed % SEEDS;
}
