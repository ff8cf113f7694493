// "Your own hand": the words found in a photo, each with what was read, to be ticked and corrected.

import type { Engine } from "../engine";
import { say } from "../i18n";
import type { Style } from "../styles";
import { decodePhoto, evenOut, stretchContrast, type Grey } from "./grey";
import { meanStyle, readWord, styleOfWord, type HandWord } from "./style";
import { cutWords } from "./words";

interface Row extends HandWord {
  use: HTMLInputElement;
}

export class HandPanel {
  private rows: Row[] = [];
  private version = 0;
  private note: () => string = () => "";
  private readonly place = document.getElementById("hand-words")!;
  private readonly noteElement = document.getElementById("hand-note")!;
  private readonly switchLabel = document.getElementById("hand-use")!;
  private readonly switch = document.getElementById("hand-on") as HTMLInputElement;

  constructor(
    private readonly engine: Engine,
    private readonly changed: () => void,
  ) {
    const photo = document.getElementById("photo") as HTMLInputElement;
    const drop = document.getElementById("drop")!;
    if (!engine.model.files["style"]) {
      photo.disabled = true;
      this.tell(() => say("handMissing"));
      return;
    }
    photo.addEventListener("change", () => {
      const file = photo.files?.[0];
      if (file) void this.open(file);
    });
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const file = event.dataTransfer?.files[0];
      if (file) void this.open(file);
    });
    this.switch.addEventListener("change", () => this.changed());
  }

  get isOn(): boolean {
    return this.switch.checked;
  }

  turnOff(): void {
    this.switch.checked = false;
  }

  /** The style of the ticked words; null where it is switched off or there are none. */
  style(): Style | null {
    if (!this.isOn) return null;
    return meanStyle(this.rows.flatMap((row) => (row.use.checked && row.z ? [row.z] : [])));
  }

  /** Says everything again, in another language. */
  translate(): void {
    this.tell(this.note);
    for (const row of this.rows) {
      row.use.setAttribute("aria-label", say("handUse"));
      row.use.closest(".hand-word")!.querySelector("input[type=text]")!.setAttribute("aria-label", say("handText"));
    }
  }

  private tell(note: () => string): void {
    this.note = note;
    this.noteElement.textContent = note();
  }

  private async open(file: Blob): Promise<void> {
    const version = ++this.version;
    this.rows = [];
    this.place.replaceChildren();
    this.switchLabel.hidden = true;
    this.switch.checked = false;
    let images: Grey[];
    try {
      images = cutWords(evenOut(await decodePhoto(file)));
    } catch {
      this.tell(() => say("handUnreadable"));
      return;
    }
    let count = 0;
    const rows: Row[] = [];
    this.tell(() => say("handReading", count, images.length));
    await Promise.all(
      images.map(async (image, i) => {
        const text = await readWord(this.engine, image);
        const z = await styleOfWord(this.engine, image, text);
        count++;
        rows[i] = { image, text, z, use: document.createElement("input") };
        if (version === this.version) this.tell(this.note);
      }),
    );
    if (version !== this.version) return;
    this.rows = rows;
    this.place.replaceChildren(...this.rows.map((row) => this.element(row)));
    this.switchLabel.hidden = !images.length;
    this.switch.checked = this.rows.some((row) => row.z);
    this.update();
  }

  private update(): void {
    const used = this.rows.filter((row) => row.use.checked && row.z).length;
    this.tell(() => (this.rows.length ? say("handFound", this.rows.length, used) : say("handNothing")));
    this.changed();
  }

  /** One word: a box to tick, its picture, and what it says. */
  private element(row: Row): HTMLElement {
    const { use } = row;
    use.type = "checkbox";
    use.checked = Boolean(row.z);
    use.setAttribute("aria-label", say("handUse"));
    use.addEventListener("change", () => this.update());
    const text = document.createElement("input");
    text.type = "text";
    text.value = row.text;
    text.spellcheck = false;
    text.setAttribute("aria-label", say("handText"));
    text.addEventListener("change", async () => {
      row.text = text.value.normalize("NFC").trim();
      row.z = await styleOfWord(this.engine, row.image, row.text);
      use.checked = Boolean(row.z);
      this.update();
    });
    const label = document.createElement("label");
    label.append(use, picture(row.image));
    const place = document.createElement("div");
    place.className = "hand-word";
    place.append(label, text);
    return place;
  }
}

function picture(image: Grey): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d")!;
  const pixels = context.createImageData(image.width, image.height);
  stretchContrast(image).data.forEach((level, i) => pixels.data.set([0, 0, 0, 255 - level], 4 * i));
  context.putImageData(pixels, 0, 0);
  return canvas;
}
