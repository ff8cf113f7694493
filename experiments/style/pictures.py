"""Pictures: eight test writers, real words above the same words written in their styles; a paragraph in three styles.

python -m experiments.style.pictures --data_dir=data --output=docs/images
"""

import pathlib

import jax.numpy as jnp
import numpy as np
from absl import flags
from PIL import Image

from hwgan.data import transforms
from hwgan.evaluation.folder import read_dataset_images
from hwgan.runtime.command_line import run_main
from hwgan.sampling.model import Model
from hwgan.sampling.open import open_sampler
from hwgan.sampling.page import add_margin, join_words, stack_lines
from hwgan.sampling.style_encoder import open_style_encoder

_REFERENCES, _WRITERS, _WIDTH, _PARAGRAPH_WIDTH = 15, 8, 900, 1400
_TEXT = (
    "Bonjour, voici quelques lignes que personne n'a tracées. Elles suivent une écriture vue sur quinze mots, et pas "
    "un de plus. En 1976 on copiait encore tout cela avec la plume."
)


def main(argv: list[str]) -> None:
    """Writes style_writers.png and style_paragraphs.png."""
    del argv
    folder = pathlib.Path(flags.FLAGS.output)
    folder.mkdir(parents=True, exist_ok=True)
    sampler = open_sampler("")
    encoder = open_style_encoder("", sampler)
    rows: dict[str, list[tuple[np.ndarray, str]]] = {}
    for image, text, writer in zip(
        *read_dataset_images(flags.FLAGS.data_dir, flags.FLAGS.dataset, "test"), strict=True
    ):
        rows.setdefault(writer, []).append((image, text))
    lines, paragraphs = [], []
    for number, writer in enumerate(sorted(rows)[2 :: len(rows) // _WRITERS][:_WRITERS]):
        style = encoder.encode([image for image, _ in rows[writer][:_REFERENCES]])
        real, texts = [], []
        for image, text in rows[writer][_REFERENCES:]:
            if 3 <= len(text) <= 9 and sampler.can_write(text) and text not in texts:
                steps = sampler.spec.preprocessing
                real.append(steps(transforms.trim_ink(image), text))
                texts.append(text)
            if sum(image.shape[1] + 14 for image in real) > _WIDTH - 150:
                break
        drawn = sampler.draw(texts, jnp.asarray(np.tile(style.z, (len(texts), 1))))
        lines.append(stack_lines([join_words(real, 14), join_words(drawn, 14)], 0))
        if number in (0, 3, 6):
            paragraphs.append(Model(sampler).page(_TEXT, style.z, width=_PARAGRAPH_WIDTH))
    Image.fromarray(add_margin(stack_lines(lines, 14), 8)).save(folder / "style_writers.png", optimize=True)
    Image.fromarray(add_margin(stack_lines(paragraphs, 20), 8)).save(folder / "style_paragraphs.png", optimize=True)


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", "data", "directory of prepared datasets")
    flags.DEFINE_string("dataset", "word_folder/copiste", "whose words are used; of the public pages: pages/copiste")
    flags.DEFINE_string("output", None, "folder to write to", required=True)
    run_main(main)
