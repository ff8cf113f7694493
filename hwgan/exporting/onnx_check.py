"""Compares exported networks, run by onnxruntime, with the same networks in JAX."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.data.graphemes import takes_no_width
from hwgan.models.networks import Networks
from hwgan.runtime.errors import UserError
from hwgan.sampling.sampler import Sampler

try:
    import onnxruntime
except ModuleNotFoundError as missing:
    raise UserError('ONNX files need further packages: pip install ".[onnx]"') from missing

TOLERANCE = 2e-3  # of ink in [0, 1], half a grey level of 8 bits; of styles and logits, of their largest value
_X_HEIGHT_LETTERS = "aceimnorsuvwxz"
_MEASURED_STYLES, _MEASURED_INK = 32, 0.3
_IMAGE_WIDTHS = (9, 24, 57, 104, 131)


def open_session(model: bytes) -> Any:
    """A session of onnxruntime on all cores of the CPU."""
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def write_ink(session: Any, sampler: Sampler, word: str, z: Any) -> np.ndarray:
    """The ink [height, width] of a word by the exported writer."""
    labels = sampler.charset.encode(word).astype(np.int64)
    return session.run(None, {"labels": labels, "z": np.asarray(z, np.float32)})[0]


def writer_error(model: bytes, sampler: Sampler, words: Sequence[str]) -> float:
    """The largest difference of ink in these words, word i in the style of seed i; infinite where a size differs."""
    session, worst = open_session(model), 0.0
    styles = [sampler.style(seed) for seed in range(len(words))]
    for word, z, expected in zip(words, styles, _ink_by_jax(sampler, words, jnp.stack(styles)), strict=True):
        ink = write_ink(session, sampler, word, z)
        worst = max(worst, float(np.abs(ink - expected).max()) if ink.shape == expected.shape else np.inf)
    return worst


def words_of_all_lengths(sampler: Sampler, count: int) -> list[str]:
    """Words of random characters of the alphabet, of each length from 1 to that of the longest training words."""
    charset, rng = sampler.charset, np.random.default_rng(0)
    characters = [c for c in charset.characters if not c.isspace()]
    first = [c for c in characters if not takes_no_width(c)]
    words = []
    for i in range(count):
        word = str(rng.choice(first))
        for character in rng.choice(characters, i % sampler.spec.max_length).tolist():
            # A mark may compose with its base to a character that the alphabet lacks.
            word += character if not charset.unknown(word + character) else first[0]
        words.append(word)
    return words


def image_error(model: bytes, networks: Networks, variables: dict[str, Any], name: str, height: int) -> float:
    """The largest difference of the output for random images, as a share of the largest output.

    Args:
      model: of the identifier or the recognizer.
      networks: the same as modules.
      variables: of that network.
      name: "style" or "reader".
      height: of the images.
    """
    session, worst = open_session(model), 0.0
    apply: Callable[..., Any] = networks.identifier.apply if name == "style" else networks.recognizer.apply
    canvas = 16 * -(-max(_IMAGE_WIDTHS) // 16)
    for width in _IMAGE_WIDTHS:
        ink = np.random.default_rng(width).uniform(0.0, 1.0, (height, width)).astype(np.float32)
        image = np.ones((1, height, canvas, 1), np.float32)
        image[0, :, :width, 0] -= 2.0 * ink
        output = apply(variables, jnp.array(image), jnp.array([width]), train=False)
        expected = output.style[0] if name == "style" else output.logits[0, : int(output.lengths[0])]
        found = session.run(None, {"ink": ink})[0]
        if found.shape != expected.shape:
            return np.inf
        worst = max(worst, float(np.abs(found - expected).max() / np.abs(expected).max()))
    return worst


def require_equal(error: float, name: str) -> None:
    """Raises UserError if an exported network differs from the same in JAX by more than `TOLERANCE`."""
    if not error <= TOLERANCE:
        raise UserError(
            f"{name}.onnx is not written: onnxruntime differs from JAX by {error:.1e}, above {TOLERANCE:g}; "
            "another version of onnxruntime may not, else this is a fault of hwgan"
        )


def known_word(model: bytes, sampler: Sampler) -> dict[str, Any]:
    """A word, a style, and the ink in each column of its image, by which any runtime can be tested."""
    word = words_of_all_lengths(sampler, 5)[-1]
    z = np.asarray(sampler.style(0))
    ink = write_ink(open_session(model), sampler, word, z)
    labels = sampler.charset.encode(word).tolist()
    return {"labels": labels, "z": z.round(6).tolist(), "columns": ink.sum(axis=0).round(4).tolist()}


def measure_line(model: bytes, sampler: Sampler) -> tuple[float, float] | None:
    """Row of the baseline and x-height in pixels, as the generator writes them; None for an alphabet without x-heights.

    Training crops have margins, so both are smaller than `letterforms` gives them for ink that fills its extent.
    """
    letters = [c for c in _X_HEIGHT_LETTERS if c in sampler.charset.characters]
    if not letters:
        return None
    session, rng = open_session(model), np.random.default_rng(0)
    bottoms, tops = [], []
    for seed in range(_MEASURED_STYLES):
        ink = write_ink(session, sampler, "".join(rng.choice(letters, 5)), sampler.style(seed)) > _MEASURED_INK
        inked = ink[:, ink.any(axis=0)]
        if inked.size:
            bottoms.append(len(inked) - np.percentile(inked[::-1].argmax(axis=0), 20))
            tops.append(np.percentile(inked.argmax(axis=0), 20))
    baseline, top = float(np.median(bottoms or [0.0])), float(np.median(tops or [0.0]))
    return (baseline, baseline - top) if baseline > top else None


def _ink_by_jax(sampler: Sampler, words: Sequence[str], styles: jax.Array) -> list[np.ndarray]:
    """The ink [height, width] of words by JAX, before it is rounded to grey levels."""
    networks = sampler.networks
    rows, lengths = map(jnp.array, sampler.charset.encode_batch(words))
    scale = 8 * networks.generator.upsampling
    widest = int(networks.layout(rows, lengths, styles, 2**20).widths.max())
    canvas = scale * -(-widest // scale)

    @jax.jit
    def draw(labels: Any, lengths: Any, z: Any) -> Any:
        layout = networks.layout(labels, lengths, z, canvas)
        images, _ = networks.generate(sampler.variables, z, labels, layout, train=False)
        return (1.0 - images[..., 0]) / 2.0, layout.widths

    drawn, widths = draw(rows, lengths, styles)
    return [ink[:, :width] for ink, width in zip(np.asarray(drawn), np.asarray(widths), strict=True)]
