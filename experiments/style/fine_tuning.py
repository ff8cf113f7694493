"""What fine-tuning brings: words in the fitted and in the fine-tuned styles of validation writers, measured and drawn.

python -m experiments.style.fine_tuning --data_dir=data --words=60 --output=tuned.png

The words of each writer are dealt into 30 that are written, a gallery of 30, and up to 60 references. All writers with
enough words are in the gallery; those that are written, `--writers`, have 60 references (one of them 58).
"""

import dataclasses
import pathlib
import time
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from absl import flags
from PIL import Image

from hwgan.data import transforms
from hwgan.data.charset import normalize_text
from hwgan.data.word_store import WordStore
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.folder import read_dataset_images
from hwgan.evaluation.open import open_evaluator
from hwgan.evaluation.style_protocol import StyleTask, style_metrics
from hwgan.runtime.command_line import run_main
from hwgan.runtime.files import check_output_file, replace_image
from hwgan.sampling.open import open_sampler
from hwgan.sampling.page import add_margin, join_words, stack_lines
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_encoder import StyleEncoder, open_style_encoder
from hwgan.sampling.style_files import Style
from hwgan.training.fine_tuning import FineTuning, fine_tune

_WRITTEN, _GALLERY, _REFERENCES, _LEAST = 30, 30, 60, 80
_SHOWN = 9  # words of a writer in the picture

Word = tuple[np.ndarray, str]  # image, text


def deal(sampler: Sampler, data_dir: str, dataset: str) -> list[list[Word]]:
    """The words of each validation writer with enough of them, in random order."""
    of_writers: dict[str, list[Word]] = {}
    for image, text, writer in zip(*read_dataset_images(data_dir, dataset, "validation"), strict=True):
        if writer and sampler.can_write(normalize_text(text)):
            of_writers.setdefault(writer, []).append((image, normalize_text(text)))
    rng = np.random.default_rng(7)
    enough = [words for _, words in sorted(of_writers.items()) if len(words) >= _LEAST]
    return [[words[row] for row in rng.permutation(len(words))] for words in enough]


def store(evaluator: Evaluator, words: Sequence[Word], owners: Sequence[int]) -> WordStore:
    """The words as the evaluator reads them."""
    images, texts = zip(*words, strict=True)
    return evaluator.store(images, texts, list(map(str, owners)))[0]


def write(sampler: Sampler, style: Style, texts: Sequence[str]) -> list[np.ndarray]:
    """The texts in a style."""
    tuned = dataclasses.replace(sampler, delta=style.delta)
    return tuned.draw(texts, jnp.asarray(np.tile(style.z, (len(texts), 1))))


def styles_of(encoder: StyleEncoder, references: Sequence[Word], settings: FineTuning) -> dict[str, Style]:
    """The fitted and the fine-tuned style of a writer."""
    words = encoder.encode_words(*map(list, zip(*references, strict=True)))
    fitted, start = encoder.fit(words), time.monotonic()
    tuned, values = fine_tune(encoder, words, fitted, settings)
    seconds = time.monotonic() - start
    print(
        f"{len(words.texts)} words, {seconds:.0f} s, {np.mean(values[:10]):.2f} → {np.mean(values[-10:]):.2f}",
        flush=True,
    )
    return {"fitted": fitted, "fine-tuned": tuned}


def main(argv: list[str]) -> None:
    """Prints the metrics of the real, fitted and fine-tuned words, and draws some of them."""
    del argv
    check_output_file("output", flags.FLAGS.output, image=True)
    args = flags.FLAGS
    evaluator, sampler = open_evaluator("").for_scans(), open_sampler("")
    encoder = open_style_encoder("", sampler)
    dealt = deal(sampler, args.data_dir, args.dataset)
    gallery = [
        evaluator.style_features(store(evaluator, words[_WRITTEN : _WRITTEN + _GALLERY], [0] * _GALLERY)).mean(axis=0)
        for words in dealt
    ]
    chosen, drawn, blocks = list(map(int, args.writers)), dict[str, list[Word]](), list[np.ndarray]()
    steps = sampler.spec.preprocessing
    for writer in chosen:
        real, references = dealt[writer][:_WRITTEN], dealt[writer][_WRITTEN + _GALLERY :][: args.words]
        texts = [text for _, text in real]
        sides = {"real": [image for image, _ in real]}
        for name, style in styles_of(encoder, references, FineTuning(steps=args.steps)).items():
            sides[name] = write(sampler, style, texts)
        shown = [row for row, text in enumerate(texts) if 3 <= len(text) <= 10][:_SHOWN]
        for name, images in sides.items():
            drawn.setdefault(name, []).extend(zip(images, texts, strict=True))
            prepared = [
                steps(transforms.trim_ink(i), t) if name == "real" else i for i, t in zip(images, texts, strict=True)
            ]
            blocks.append(join_words([prepared[row] for row in shown], 14))
    owners = [writer for writer in chosen for _ in range(_WRITTEN)]
    for name, words in drawn.items():
        found = store(evaluator, words, owners)
        features = evaluator.style_features(found)
        task = StyleTask([], np.stack(gallery), found, features)
        metrics = style_metrics(task, found, features, evaluator, 0)
        print(name, {key: round(estimate.value, 4) for key, estimate in metrics.items()})
    rows = [stack_lines(blocks[start : start + len(drawn)], 2) for start in range(0, len(blocks), len(drawn))]
    replace_image(pathlib.Path(args.output), Image.fromarray(add_margin(stack_lines(rows, 16), 8)))


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", "data", "directory of prepared datasets")
    flags.DEFINE_string("dataset", "word_folder/copiste", "whose words are used; of the public pages: pages/copiste")
    flags.DEFINE_list("writers", ["0", "4", "5", "6", "8", "9", "10", "11"], "validation writers that are written")
    flags.DEFINE_integer("words", _REFERENCES, "words of each writer from which the styles are made")
    flags.DEFINE_integer("steps", FineTuning.steps, "of fine-tuning")
    flags.DEFINE_string(
        "output", None, "picture to write: real, fitted and fine-tuned words of each writer", required=True
    )
    run_main(main)
