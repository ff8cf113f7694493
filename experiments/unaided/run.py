"""What a recognizer gains from the text that decides how high a word is placed on its line.

python -m experiments.unaided.run --real=iam/words --evaluator=iam_evaluator

Preprocessing pads words to their line by the ascenders and descenders of their text (`preprocessing.pad_to_line`), in
evaluation as in training. Here the same words are also read without their texts: at each of six heights on the line,
the most probable reading is taken, as hwgan.style does with words of unknown text (hwgan/sampling/word_reader.py).
Prints the CER and WER of both, of real words and of the same texts by a generator. Words that are too wide for the
evaluator once they are placed are left out, with their generated or real counterpart, for they have no right reading.
"""

import argparse

import jax
import numpy as np

from experiments.commands import run_command
from hwgan.data.charset import normalize_text
from hwgan.data.selection import reason_to_drop_text
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.folder import read_dataset_images
from hwgan.evaluation.open import open_evaluator
from hwgan.evaluation.set_metrics import error_rate_estimates
from hwgan.evaluation.table import format_estimate
from hwgan.sampling.open import open_sampler
from hwgan.sampling.word_reader import prepare_word

PLACED_BY = {"aided": "their text", "unaided": "their reading"}


def compare(
    evaluator: Evaluator, images: list[np.ndarray], texts: list[str], writers: list[str], seed: int = 0
) -> dict[str, dict[str, str]]:
    """CER and WER with intervals, of words placed by their texts ("aided") and by their readings ("unaided").

    Args:
      evaluator: a recognizer by CTC.
      images: uint8 [height, width] each, that the evaluator can represent.
      texts: of the images.
      writers: of the images; "" where unknown.
      seed: of the intervals.
    """
    words, _ = evaluator.store(images, texts, writers)
    readings = {"aided": evaluator.read(words)[1], "unaided": evaluator.word_reader().read(images)[0]}
    found = {kind: error_rate_estimates(words.texts, read, writers, seed) for kind, read in readings.items()}
    return {
        kind: {name: format_estimate(name, estimates[name].to_json()) for name in ("cer", "wer")}
        for kind, estimates in found.items()
    }


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", required=True, help="prepared dataset")
    parser.add_argument("--split", default="test")
    parser.add_argument("--evaluator", default="", help="as of hwgan.evaluate; a recognizer by CTC")
    parser.add_argument("--checkpoint", default="", help="of the generator; that of the package by default")
    parser.add_argument("--words", type=int, default=2000, help="at most")
    parser.add_argument("--data_dir", default="data")
    args = parser.parse_args()
    evaluator, sampler = open_evaluator(args.evaluator).for_scans(), open_sampler(args.checkpoint)
    images, texts, writers = read_dataset_images(args.data_dir, args.real, args.split)
    texts = list(map(normalize_text, texts))
    fit = [
        row
        for row, text in enumerate(texts)
        if sampler.can_write(text) and not reason_to_drop_text(text, evaluator.charset, (1, evaluator.spec.max_length))
    ]
    rows = np.random.default_rng(0).permutation(fit)[: args.words].tolist()
    texts, writers = [texts[row] for row in rows], [writers[row] for row in rows]
    generated = sampler.draw(texts, sampler.sample_styles(jax.random.key(0), len(texts)))
    pairs = list(zip([images[row] for row in rows], generated, texts, writers, strict=True))
    pairs = [
        pair for pair in pairs if all(prepare_word(evaluator.spec, image, pair[2]) is not None for image in pair[:2])
    ]
    real, generated, texts, writers = map(list, zip(*pairs, strict=True))
    sides = {"real": (real, writers), "generated": (generated, [""] * len(texts))}
    print(f"{len(texts)} words; {len(rows) - len(texts)} more are too wide\n")
    print("| words | placed by | CER | WER |\n|---|---|---|---|")
    for side, (pictures, owners) in sides.items():
        for kind, rates in compare(evaluator, pictures, texts, owners).items():
            print(f"| {side} | {PLACED_BY[kind]} | {rates['cer']} | {rates['wer']} |")


if __name__ == "__main__":
    run_command(main)
