// The style of a writer from images of words: read each word, pad it to its line by what it says, and take the mean of
// the identifier's outputs. hwgan/sampling/style_encoder.py does the same, and then fits the mean to the words.

import { PHOTO, type Engine } from "../engine";
import { canRead, expectedWidth, verticalExtent, type Model } from "../model";
import type { Style } from "../styles";
import { preprocess, type Grey } from "./grey";

export interface HandWord {
  image: Grey;
  /** What was read, or what the user says that it is. */
  text: string;
  isRead: boolean;
  /** z of this word alone; null where it has no text. */
  z: Style | null;
}

const EXTENT_PENALTY = 1;
const WIDEST = 2.5; // standard deviations of the log width

/** Reads a word once for each vertical extent that it may have; "" if nothing is read. */
export async function readWord(engine: Engine, image: Grey): Promise<string> {
  const { model } = engine;
  if (!canRead(model)) return "";
  const readings = await Promise.all(
    model.characters.word_extents.map(async (asked) => {
      const word = preprocess(model, image, asked);
      if (word.width > model.image.max_width) return { text: "", score: -Infinity };
      const { text, score } = decode(model, await engine.encode("reader", inkOf(word), word.width, PHOTO));
      if (!text || [...text].length > model.max_length) return { text: "", score: -Infinity };
      const read = verticalExtent(model, text);
      return { text, score: score - EXTENT_PENALTY * (Math.abs(asked[0] - read[0]) + Math.abs(asked[1] - read[1])) };
    }),
  );
  return readings.reduce((best, reading) => (reading.score > best.score ? reading : best)).text;
}

/** The style of one word; null if its text cannot be written or the image is no word. */
export async function styleOfWord(
  engine: Engine,
  { image, text, isRead }: Omit<HandWord, "z">,
): Promise<Style | null> {
  const { model } = engine;
  if (!text || [...text].some((character) => !model.alphabet.includes(character))) return null;
  const word = preprocess(model, image, verticalExtent(model, text));
  if (word.width > model.image.max_width) return null;
  const ratio = Math.log(word.width / Math.max(1, expectedWidth(model, text))) / model.characters.log_width_std;
  const z = new Float32Array(model.z_dim);
  z[0] = Math.min(WIDEST, Math.max(-WIDEST, ratio)) - (isRead ? model.characters.reading_bias : 0);
  z.set(await engine.encode("style", inkOf(word), word.width, PHOTO), 1);
  return z;
}

/** The mean, whose log width is drawn to 0 where words are few; null of none. */
export function meanStyle(model: Model, styles: Style[]): Style | null {
  const [first] = styles;
  if (!first) return null;
  const mean = first.map((_, i) => styles.reduce((sum, z) => sum + z[i]!, 0) / styles.length);
  mean[0]! *= styles.length / (styles.length + model.characters.width_prior);
  return mean;
}

/** The most probable label of each frame without repeats and blanks, and the mean of their log probabilities. */
function decode(model: Model, logits: Float32Array): { text: string; score: number } {
  const characters = [...model.alphabet];
  const labels = characters.length + 1;
  let [text, score, last] = ["", 0, 0];
  const frames = logits.length / labels;
  for (let frame = 0; frame < frames; frame++) {
    const row = logits.subarray(frame * labels, (frame + 1) * labels);
    const best = row.reduce((top, value, label) => (value > row[top]! ? label : top), 0);
    score -= Math.log(row.reduce((sum, value) => sum + Math.exp(value - row[best]!), 0));
    if (best && best !== last) text += characters[best - 1];
    last = best;
  }
  return { text, score: score / Math.max(1, frames) };
}

function inkOf(image: Grey): Float32Array {
  return Float32Array.from(image.data, (level) => 1 - level / 255);
}
