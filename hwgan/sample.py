"""Text → images of handwriting, from a checkpoint.

One image, a line for each hand:
  python -m hwgan.sample --checkpoint=runs/demo --text="the quick brown fox" --output=out.png --count=8

One image for each line of a file, with a labels.tsv:
  python -m hwgan.sample --checkpoint=runs/demo --text_file=words.txt --output=images/
"""

import dataclasses
import functools
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from PIL import Image
from tqdm import tqdm

from hwgan.data import transforms
from hwgan.data.charset import Charset, normalize_text, pad_labels
from hwgan.data.input_pipeline import read_lexicon_file
from hwgan.data.preprocessing import ImageSpec
from hwgan.errors import UserError, run_main
from hwgan.models import Networks
from hwgan.run import Run, load_run
from hwgan.train_state import TrainState
from hwgan.train_step import fake_widths, generate

_BATCH_SIZE = 32
_LONGEST_WORD = 64  # a variable-width generator can draw any length; beyond this it is no word but a mistake


@functools.partial(jax.jit, static_argnums=0)
def _draw(networks: Networks, variables: dict[str, Any], z, labels, lengths):
    images, _ = generate(networks, variables["language_model"], variables["generator"], z, labels, lengths, train=False)
    return images[..., 0], fake_widths(networks, lengths)


@dataclasses.dataclass(frozen=True)
class Sampler:
    """Draws words with the generator.

    Attributes:
      networks: the modules.
      variables: of the language model and the generator.
      charset: the alphabet they were trained on.
      spec: the size of their images.
    """

    networks: Networks
    variables: dict[str, Any]
    charset: Charset
    spec: ImageSpec

    def check(self, words: Sequence[str]) -> None:
        """Raises UserError if a word is empty, too long, or has a character outside the alphabet."""
        longest = _LONGEST_WORD if self.networks.has_variable_width else self.spec.max_length
        for word in words:
            if not word:
                raise UserError("the text is empty: nothing to write")
            self.charset.encode(word)
            if len(word) > longest:
                raise UserError(f"{word[:80]!r} has {len(word)} characters; this model writes words of up to {longest}")

    def hand(self, seed: int) -> jax.Array:
        """The noise vector [z_dim] of a seed: a hand."""
        return jax.random.normal(jax.random.key(seed), (self.networks.z_dim,))

    def draw(self, words: Sequence[str], hands: jax.Array) -> list[np.ndarray]:
        """Images of the words, each in its own hand.

        Args:
          words: in NFC.
          hands: noise vectors, [len(words), z_dim].

        Returns:
          uint8 [height, width] images, dark ink on white, as wide as each word.
        """
        self.check(words)
        images: list[np.ndarray] = []
        for start in range(0, len(words), _BATCH_SIZE):
            chunk = list(words[start : start + _BATCH_SIZE])
            images += self.draw_batch(chunk, hands[start : start + _BATCH_SIZE])
        return images

    def draw_batch(self, words: list[str], hands: jax.Array) -> list[np.ndarray]:
        """`draw` for at most `_BATCH_SIZE` words, padded to few shapes so that little is compiled."""
        count = len(words)
        longest = max(map(len, words))
        length = self.spec.max_length * -(-longest // self.spec.max_length)
        size = 1 if count == 1 else _BATCH_SIZE
        filled = words + words[-1:] * (size - count)
        labels = [self.charset.encode(word) for word in filled]
        z = jnp.concatenate([hands, jnp.repeat(hands[-1:], size - count, axis=0)])
        lengths = np.array([len(row) for row in labels], np.int32)
        drawn, widths = _draw(self.networks, self.variables, z, pad_labels(labels, length), lengths)
        images = [
            image[:, :width]
            for image, width in zip(transforms.to_uint8(np.asarray(drawn)), np.asarray(widths), strict=True)
        ]
        if not self.networks.has_variable_width:
            images = [transforms.trim_sides(image) for image in images]
        return [transforms.flip_reading(image, self.charset.right_to_left) for image in images[:count]]

    def draw_line(self, text: str, hand: jax.Array) -> np.ndarray:
        """A text of one or more words in one hand: uint8 [height, width].

        Raises:
          UserError: see `check`.
        """
        words = normalize_text(text).split()
        if not words:
            raise UserError("the text is empty: nothing to write")
        images = self.draw(words, jnp.repeat(hand[None], len(words), axis=0))
        return side_by_side(images[:: -1 if self.charset.right_to_left else 1], gap=self.spec.height // 3)


def create_sampler(run: Run) -> Sampler:
    """The sampler of a restored run."""
    return Sampler(run.networks, ema_variables(run.state), run.charset, run.spec)


def ema_variables(state: TrainState) -> dict[str, Any]:
    """What to sample with: averaged parameters, and the generator's running statistics."""
    return {
        "language_model": {"params": state.ema["language_model"], **state.language_model.collections},
        "generator": {"params": state.ema["generator"], **state.generator.collections},
    }


def side_by_side(images: Sequence[np.ndarray], gap: int) -> np.ndarray:
    """Images of one height in a row, with white between."""
    space = np.full((images[0].shape[0], gap), transforms.WHITE, np.uint8)
    parts = [part for image in images for part in (image, space)]
    return np.concatenate(parts[:-1], axis=1)


def stack_lines(lines: Sequence[np.ndarray], gap: int = 4, right_to_left: bool = False) -> np.ndarray:
    """Images under one another on white, beginning where their script begins."""
    width = max(line.shape[1] for line in lines)
    space = np.full((gap, width), transforms.WHITE, np.uint8)
    rows = transforms.pad_images([transforms.flip_reading(line, right_to_left) for line in lines], width)
    parts = [part for row in rows for part in (transforms.flip_reading(row, right_to_left), space)]
    return np.concatenate(parts[:-1])


def write_text_image(sampler: Sampler, text: str, output: pathlib.Path, count: int, seed: int) -> None:
    """Writes one image with a line for each of `count` hands."""
    lines = [sampler.draw_line(text, sampler.hand(seed + i)) for i in range(count)]
    _save(Image.fromarray(stack_lines(lines, right_to_left=sampler.charset.right_to_left)), output)


def write_text_file(sampler: Sampler, lines: Sequence[str], directory: pathlib.Path, seed: int) -> None:
    """Writes an image a line, each in a hand of its own, and labels.tsv with columns file and text."""
    for number, line in enumerate(lines):
        try:
            sampler.check(line.split())
        except UserError as error:
            raise UserError(f"line {number + 1}: {error}") from error
    rows = ["file\ttext"]
    for number, line in enumerate(tqdm(lines, unit=" images", disable=not sys.stderr.isatty())):
        name = f"{number:06d}.png"
        _save(Image.fromarray(sampler.draw_line(line, sampler.hand(seed + number))), directory / name)
        rows.append(f"{name}\t{' '.join(line.split())}")
    (directory / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _save(image: Image.Image, path: pathlib.Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {str(path)!r}: {error}") from error


def main(argv: list[str]) -> None:
    """Samples by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if (args.text is None) == (args.text_file is None):
        raise UserError("give either --text or --text_file")
    if args.count < 1:
        raise UserError(f"--count={args.count}: at least 1")
    sampler = create_sampler(load_run(args.checkpoint, args.step))
    output = pathlib.Path(args.output)
    if args.text is not None:
        write_text_image(sampler, args.text, output, args.count, args.seed)
    else:
        lines = read_lexicon_file(args.text_file)
        if not lines:
            raise UserError(f"{args.text_file!r} has no line to write")
        write_text_file(sampler, lines, output, args.seed)
    print(f"wrote {output}")


if __name__ == "__main__":
    flags.DEFINE_string("checkpoint", None, "workdir of a trained run", required=True)
    flags.DEFINE_integer("step", None, "which checkpoint; the newest by default")
    flags.DEFINE_string("text", None, "what to write; several words become a line")
    flags.DEFINE_string("text_file", None, "a UTF-8 file, one image a line")
    flags.DEFINE_string("output", None, "an image file, or with --text_file a folder", required=True)
    flags.DEFINE_integer("count", 1, "how many hands write --text")
    flags.DEFINE_integer("seed", 0, "of the first hand; the next is seed + 1")
    run_main(main)
