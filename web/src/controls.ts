// The controls that set numbers and choices: sliders, radio buttons, ink.

import { say, type Message } from "./i18n";
import { FORMATS, PAPERS, RANGES, type Settings, type Slider } from "./settings";

const COLORS: [Message, string][] = [
  ["blue", "#1f2d5c"],
  ["black", "#1d1d1f"],
  ["violet", "#55307a"],
  ["green", "#1d5a44"],
  ["red", "#9b2226"],
];

type Change = (change: Partial<Settings>) => void;

/** Builds the controls in the language of the page; they show `settings`. */
export function buildControls(settings: Settings, change: Change): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-slider]")) {
    const name = place.dataset["slider"] as Slider;
    place.replaceChildren(...slider(name, settings[name], (value) => change({ [name]: value })));
  }
  const papers = PAPERS.map((paper) => radio("paper", paper, say(paper), settings.paper === paper, () => change({ paper })));
  document.getElementById("papers")!.replaceChildren(...papers);
  const formats = (Object.keys(FORMATS) as (keyof typeof FORMATS)[]).map((format) =>
    radio("format", format, say(format), settings.format === format, () => change({ format })),
  );
  document.getElementById("formats")!.replaceChildren(...formats);
  document.getElementById("colors")!.replaceChildren(...colors(settings, change));
}

function slider(name: Slider, value: number, set: (value: number) => void): HTMLElement[] {
  const { min, max, step } = RANGES[name];
  const input = element("input", { type: "range", id: `slider-${name}`, min, max, step });
  const shown = element("output", { htmlFor: input.id });
  const show = (): void => {
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const text = Number(input.value).toFixed(digits);
    shown.textContent = name === "size" ? `${text} mm` : name === "blend" ? `${text} %` : text;
  };
  input.value = String(value);
  input.addEventListener("input", () => {
    show();
    set(Number(input.value));
  });
  show();
  const label = element("label", { htmlFor: input.id });
  label.textContent = say(name);
  return [label, shown, input];
}

/** A radio button with what it shows, a text or an element. */
export function radio(
  group: string,
  value: string,
  content: string | HTMLElement,
  checked: boolean,
  choose: () => void,
): HTMLLabelElement {
  const label = document.createElement("label");
  const input = element("input", { type: "radio", name: group, value, checked });
  input.addEventListener("change", choose);
  label.append(input, content);
  return label;
}

function colors(settings: Settings, change: Change): HTMLElement[] {
  const buttons = COLORS.map(([name, color]) => {
    const drop = document.createElement("span");
    drop.className = "swatch";
    drop.style.backgroundColor = color;
    const label = radio("color", color, drop, settings.color === color, () => change({ color }));
    label.querySelector("input")!.setAttribute("aria-label", say(name));
    label.title = say(name);
    return label;
  });
  const own = element("input", { type: "color", value: settings.color, title: say("otherColor") });
  own.setAttribute("aria-label", say("otherColor"));
  own.addEventListener("input", () => {
    for (const input of document.querySelectorAll<HTMLInputElement>("input[name=color]")) input.checked = false;
    change({ color: own.value });
  });
  return [...buttons, own];
}

/** An element with these properties, in the order given. */
function element<K extends "input" | "label" | "output">(
  kind: K,
  properties: Record<string, string | number | boolean>,
): HTMLElementTagNameMap[K] {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "htmlFor") made.setAttribute("for", String(value));
    else Object.assign(made, { [name]: value });
  }
  return made;
}
