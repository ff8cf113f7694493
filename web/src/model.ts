// model.json, as `python -m hwgan.export --format=onnx` writes it, and what follows from it for a text.

export const FORMAT = 1;

/** Top and bottom of ink, in x-heights above the baseline. */
export type Extent = [number, number];

export interface Model {
  format: number;
  weights: string;
  licence: Record<string, string>;
  files: Record<string, { name: string; bytes: number; sha256: string }>;
  alphabet: string;
  right_to_left: boolean;
  replacements: Record<string, string>;
  rare_characters: Record<string, number>;
  max_length: number;
  longest_word: number;
  z_dim: number;
  temperature: number;
  image: {
    height: number;
    max_width: number;
    frame: [number, number];
    baseline: number;
    x_height: number;
    contrast: boolean;
    trim: string;
    pad_to_line: boolean;
  };
  characters: {
    widths: number[];
    extents: [number | null, number | null][];
    reference_width: number;
    width_compression: number;
    log_width_std: number;
    /** Standard deviations by which the log width of words that are read is too large, for letters are missed. */
    reading_bias: number;
    /** Words; how much a mean log width is drawn to 0. */
    width_prior: number;
    /** The vertical extents of words, in x-heights: with and without dots, ascenders, descenders. */
    word_extents: Extent[];
  };
  check: { labels: number[]; z: number[]; columns: number[] };
}

export interface FittedText {
  /** The words of each line; no words where the line is blank. */
  lines: string[][];
  /** What was left out, each character once. */
  unwritable: string[];
  /** Words that were cut, for they are longer than any that the networks write. */
  cut: string[];
}

const LINE_BREAKS = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/; // those of Python's splitlines

/** Where the folder of the model is, beside the page. */
export const MODEL_URL = new URL("model/", document.baseURI);

export async function loadModel(): Promise<Model> {
  const answer = await fetch(new URL("model.json", MODEL_URL));
  if (!answer.ok) throw new Error(`model/model.json: ${answer.status}`);
  const model = (await answer.json()) as Model;
  if (model.format !== FORMAT) throw new Error(`model.json has format ${model.format}, this page reads ${FORMAT}`);
  return model;
}

/** Whether styles of photos can be computed: `preprocess` of hand/grey.ts is the preprocessing of these networks. */
export function takesPhotos({ files, image }: Model): boolean {
  return Boolean(files["style"]) && image.contrast && image.pad_to_line && !image.trim;
}

/** Whether it reads the words of a photo; without, their texts are typed. */
export function canRead({ files }: Model): boolean {
  return Boolean(files["reader"]);
}

/** The text in characters that the model can write. */
export function fitText(model: Model, text: string): FittedText {
  const alphabet = new Set(model.alphabet);
  const unwritable = new Set<string>();
  const lines = text.normalize("NFC").split(LINE_BREAKS);
  const cut: string[] = [];
  const fitted = lines.map((line) => {
    let result = "";
    for (const character of line) {
      const other = model.replacements[character] ?? (/\s/.test(character) ? " " : undefined);
      if (alphabet.has(character)) result += character;
      else if (other !== undefined) result += other;
      else unwritable.add(character);
    }
    const words = result.normalize("NFC").split(" ").filter(Boolean);
    cut.push(...words.filter((word) => [...word].length > model.longest_word));
    return words.flatMap((word) => pieces(word, model.longest_word));
  });
  return { lines: fitted, unwritable: [...unwritable], cut };
}

function pieces(word: string, length: number): string[] {
  const characters = [...word];
  const found: string[] = [];
  for (let i = 0; i < characters.length; i += length) found.push(characters.slice(i, i + length).join(""));
  return found;
}

export function labelsOf(model: Model, word: string): number[] {
  const labels = [...word].map((character) => [...model.alphabet].indexOf(character) + 1);
  if (labels.includes(0)) throw new Error(`${word} has characters outside the alphabet`);
  return labels;
}

/** The pixels that a word takes in a style of width ratio 1. */
export function expectedWidth(model: Model, word: string): number {
  const { widths, reference_width, width_compression } = model.characters;
  const sum = labelsOf(model, word).reduce((total, label) => total + widths[label - 1]!, 0);
  return sum * (Math.max(sum, 1) / reference_width) ** -width_compression;
}

/** The pixels that a word takes in a style, whose first entry is the log width ratio. */
export function widthOf(model: Model, word: string, style: Float32Array): number {
  const ratio = Math.exp(model.characters.log_width_std * style[0]!);
  return Math.max(1, Math.ceil(Math.max(expectedWidth(model, word), 1) * ratio));
}

/** (top, bottom) of the ink of a text, in x-heights above the baseline. */
export function verticalExtent(model: Model, word: string): Extent {
  const extents = labelsOf(model, word).map((label) => model.characters.extents[label - 1]!);
  const tops = extents.flatMap(([top]) => (top === null ? [] : [top]));
  const bottoms = extents.flatMap(([, bottom]) => (bottom === null ? [] : [bottom]));
  const [top, bottom] = [Math.max(...tops), Math.min(...bottoms)];
  return bottom < top ? [top, bottom] : [model.image.frame[0], 0];
}
