// "Your own handwriting": the words found in a photo, each with what was read, to be ticked and corrected.

import { PHOTO, Superseded, type Engine } from "../engine";
import { messageOf, namesOf, say, sayCount } from "../i18n";
import { canRead, fitText, takesPhotos } from "../model";
import type { Style } from "../styles";
import { decodePhoto, evenOut, stretchContrast, type Grey } from "./grey";
import { meanStyle, readWord, styleOfWord, type HandWord } from "./style";
import { cutWords } from "./words";

interface Row extends HandWord {
  use: HTMLInputElement;
  says: HTMLInputElement;
  /** Characters that the user says it has and that are outside the alphabet. */
  unwritable: string[];
  /** Counts its corrections, for an earlier one may end after a later one. */
  revision: number;
}

export class HandPanel {
  private rows: Row[] = [];
  private version = 0; // of the photo that is read
  private opening = 0; // of the file that is opened
  private isSwitched = false; // whether the user said of this photo that its style is used or not
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
    if (!takesPhotos(engine.model)) {
      photo.disabled = true;
      this.tell(() => say("handMissing"));
      return;
    }
    photo.addEventListener("change", () => {
      const file = photo.files?.[0];
      if (file) void this.open(file);
      photo.value = ""; // so that the same file can be chosen again
    });
    const [chosen] = photo.files ?? []; // while the networks were loaded
    if (chosen) setTimeout(() => void this.open(chosen)); // once the page is there to be changed
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
    this.switch.addEventListener("change", () => {
      this.isSwitched = true;
      this.changed();
    });
  }

  /** Whether the page is written in the style of the photo. */
  get isOn(): boolean {
    return this.style() !== null;
  }

  turnOff(): void {
    this.switch.checked = false;
    this.isSwitched = true;
  }

  /** The style of the ticked words; null where it is switched off or there are none. */
  style(): Style | null {
    if (!this.switch.checked) return null;
    return meanStyle(this.engine.model, this.rows.flatMap((row) => (row.use.checked && row.z ? [row.z] : [])));
  }

  /** Says everything again, in another language. */
  translate(): void {
    this.tell(this.note);
    this.rows.forEach((row, i) => this.name(row, i));
  }

  /** Names the fields of a word, so that they can be told apart without being seen. */
  private name(row: Row, i: number): void {
    row.use.setAttribute("aria-label", say("handUse", i + 1, row.text));
    row.says.setAttribute("aria-label", say("handText", i + 1));
  }

  /** Says something of the photo; a screen reader need not count along. */
  private tell(note: () => string, isCount = false): void {
    this.noteElement.ariaLive = isCount ? "off" : "polite";
    this.note = note;
    this.noteElement.textContent = note();
  }

  private async open(file: Blob): Promise<void> {
    const opening = ++this.opening;
    this.tell(() => say("handOpening"));
    let photo: Grey;
    try {
      photo = await decodePhoto(file);
    } catch {
      // The words of the photo before stay, with all that was corrected; one that is being read is read on.
      const stays = this.rows.length > 0;
      if (opening === this.opening) this.tell(() => say("handUnreadable") + (stays ? ` ${this.found()}` : ""));
      return;
    }
    if (opening !== this.opening) return;
    const version = ++this.version;
    this.engine.forgetWaiting(PHOTO);
    this.rows = [];
    this.place.replaceChildren();
    this.switchLabel.hidden = true;
    this.switch.checked = this.isSwitched = false;
    this.changed();
    await new Promise((done) => setTimeout(done, 50)); // the note is drawn first, for cutting may take a second
    if (version !== this.version) return;
    try {
      const rows = await this.read(cutWords(evenOut(photo)), version);
      if (version !== this.version) return;
      this.rows = rows;
    } catch (error) {
      const message = messageOf(error);
      if (!(error instanceof Superseded) && version === this.version) this.tell(() => say("handFailed", message));
      return;
    }
    this.place.replaceChildren(...this.rows.map((row, i) => this.element(row, i)));
    this.switchLabel.hidden = !this.rows.length;
    this.switch.checked = !this.isSwitched && this.rows.some((row) => row.z); // another style may be chosen meanwhile
    this.update();
  }

  /** Reads words and computes their styles. */
  private read(images: Grey[], version: number): Promise<Row[]> {
    let count = 0;
    this.tell(() => say("handReading", count, images.length), true);
    return Promise.all(
      images.map(async (image): Promise<Row> => {
        const word = { image, text: await readWord(this.engine, image), isRead: true };
        const z = await styleOfWord(this.engine, word);
        count++;
        if (version === this.version) this.tell(this.note, true);
        const [use, says] = [document.createElement("input"), document.createElement("input")];
        return { ...word, z, use, says, unwritable: [], revision: 0 };
      }),
    );
  }

  /** What was found in the photo. */
  private found(): string {
    if (!this.rows.length) return say("handNothing");
    const used = this.rows.filter((row) => row.use.checked && row.z).length;
    const unwritable = namesOf([...new Set(this.rows.flatMap((row) => row.unwritable))]);
    const sentences = [sayCount("handFound", this.rows.length, used)];
    if (!canRead(this.engine.model) && this.rows.some((row) => !row.text)) sentences.push(say("handType"));
    if (unwritable) sentences.push(say("unwritable", unwritable));
    return sentences.join(" ");
  }

  private update(): void {
    this.tell(() => this.found());
    this.changed();
  }

  /** Takes the text that the user gives a word. */
  private async correct(row: Row, i: number): Promise<void> {
    const { lines, unwritable } = fitText(this.engine.model, row.says.value);
    const wasUsable = Boolean(row.z);
    const revision = ++row.revision;
    [row.text, row.unwritable, row.isRead] = [lines.flat().join(""), unwritable, false];
    let z: Style | null = null;
    let failure: unknown;
    try {
      z = await styleOfWord(this.engine, row);
    } catch (error) {
      if (error instanceof Superseded) return;
      failure = error;
    }
    if (revision !== row.revision || !this.rows.includes(row)) return;
    row.z = z;
    row.use.disabled = !z;
    if (Boolean(z) !== wasUsable) row.use.checked = Boolean(z); // one that the user left out stays so
    if (z && !this.isSwitched) this.switch.checked = true;
    this.name(row, i);
    if (failure) {
      this.tell(() => say("handFailed", messageOf(failure)));
      this.changed();
      return;
    }
    this.update();
  }

  /** One word: a box to tick, its picture, and what it says. */
  private element(row: Row, i: number): HTMLElement {
    const { use, says } = row;
    use.type = "checkbox";
    use.checked = Boolean(row.z);
    use.disabled = !row.z;
    use.addEventListener("change", () => this.update());
    says.type = "text";
    says.value = row.text;
    says.spellcheck = false;
    says.addEventListener("change", () => void this.correct(row, i));
    this.name(row, i);
    const label = document.createElement("label");
    label.append(use, picture(row.image));
    const place = document.createElement("div");
    place.className = "hand-word";
    place.append(label, says);
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
