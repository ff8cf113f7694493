"""Photos of generated words, and the style that Python computes from the words themselves."""

import dataclasses
import io

import jax.numpy as jnp
import numpy as np
from PIL import Image

from hwgan.checkpoints.names import PRETRAINED_OTHERS
from hwgan.checkpoints.weights_file import read_weights
from hwgan.data import transforms
from hwgan.sampling.page import join_words

_LINE = 120  # pixels of the photo a word image is high
_GAP, _LEADING, _MARGIN = 0.75, 0.35, 0.75  # of the height of a word image


def _words(sampler, seed, words):
    return sampler.draw(words, jnp.stack([sampler.style(seed)] * len(words)))


def _enlarged(image, line_height):
    size = [round(side * _LINE / line_height) for side in reversed(image.shape)]
    return Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)


def photo_of_writing(sampler, seed, lines):
    """A photo of words in the style of a seed: shaded, tilted, noisy, as JPEG."""
    line = sampler.spec.height
    gap, leading, margin = (round(share * line) for share in (_GAP, _LEADING, _MARGIN))
    rows = [join_words(_words(sampler, seed, words), gap) for words in lines]
    height, width = line + leading, max(row.shape[1] for row in rows)
    page = np.full((len(rows) * height, width), 255, np.uint8)
    for i, row in enumerate(rows):
        page[i * height : i * height + row.shape[0], : row.shape[1]] = row
    image = _enlarged(np.pad(page, margin, constant_values=255), line)
    image = image.rotate(1.5, resample=Image.Resampling.BICUBIC, fillcolor=255)
    levels = np.asarray(image, np.float32) / 255
    y, x = np.mgrid[: levels.shape[0], : levels.shape[1]]
    light = 0.95 - 0.35 * x / levels.shape[1] - 0.15 * y / levels.shape[0]
    noise = np.random.default_rng(0).normal(0.0, 0.02, levels.shape)
    levels = (0.15 + 0.85 * levels) * light + noise
    file = io.BytesIO()
    Image.fromarray((255 * levels).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=88)
    return file.getvalue()


def features_of_words(sampler, seed, words):
    """The mean of the identifier's outputs for words in the style of a seed, preprocessed as scans are."""
    weights = read_weights(PRETRAINED_OTHERS)
    steps = dataclasses.replace(weights.spec.preprocessing, trim="ink")
    images = [
        steps(np.asarray(_enlarged(image, sampler.spec.height)), word)
        for image, word in zip(_words(sampler, seed, words), words, strict=True)
    ]
    padded = transforms.to_float(transforms.pad_images(images, weights.spec.max_width))[..., None]
    widths = jnp.array([image.shape[1] for image in images])
    output = weights.networks.identifier.apply(weights.variables["identifier"], jnp.array(padded), widths, train=False)
    return np.asarray(output.style).mean(axis=0)
