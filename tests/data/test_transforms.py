import io

import numpy as np
import pytest
from PIL import Image

from hwgan.data import transforms


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


INK = np.array([[0, 128, 255], [255, 64, 0]], np.uint8)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_modes_decode_to_the_same_grey(mode):
    np.testing.assert_array_equal(transforms.decode_grey(encode(Image.fromarray(INK).convert(mode))), INK)


def test_what_is_no_image_is_named():
    with pytest.raises(OSError, match="HEIC photo, as phones take them: save it as JPEG"):
        transforms.decode_grey(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(OSError, match=r"none of PNG, JPEG, .*, or damaged"):
        transforms.decode_grey(b"%!PS-Adobe-3.0")


def test_transparent_is_white():
    image = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    np.testing.assert_array_equal(transforms.decode_grey(encode(image)), np.full((2, 2), 255))


def test_16_bit_scan():
    image = Image.fromarray(INK.astype(np.uint16) * 257)
    np.testing.assert_array_equal(transforms.decode_grey(encode(image)), INK)


def test_16_bit_scan_with_a_transparent_level():
    levels = np.full((6, 9), 60000, np.uint16)
    levels[2:4, 3:5] = 500
    decoded = transforms.decode_grey(encode(Image.fromarray(levels), transparency=60000))
    assert decoded[0, 0] > 225 and decoded[2, 3] < 5


def test_a_truncated_image_raises():
    encoded = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)))
    with pytest.raises(OSError):
        transforms.decode_grey(encoded[: len(encoded) // 2])


@pytest.mark.parametrize(
    ("shape", "width", "expected"), [((64, 100), None, 50), ((64, 100), 48, 48), ((640, 1), None, 1)]
)
def test_resize(shape, width, expected):
    assert transforms.resize_to_height(np.zeros(shape, np.uint8), 32, width).shape == (32, expected)


def test_float_round_trip_is_exact():
    levels = np.arange(256, dtype=np.uint8)
    floats = transforms.to_float(levels)
    assert floats.dtype == np.float32
    assert floats[0] == -1.0
    assert floats[255] == 1.0
    np.testing.assert_array_equal(transforms.to_uint8(floats), levels)


@pytest.mark.parametrize("deviation", [0, 3, 8])
def test_trim_reaches_the_ink_on_paper_however_noisy(deviation):
    noise = np.random.default_rng(0).normal(0, deviation, (40, 200))
    image = (200 + noise).clip(0, 255).astype(np.uint8)
    image[12:30, 60:140:4] = 30
    assert transforms.trim_sides(image).shape == (40, 77 + 4)
    assert transforms.trim_box(image).shape == (18 + 4, 77 + 4)
    assert transforms.trim_box(transforms.stretch_contrast(image)).shape == (18 + 4, 77 + 4)


def test_trim_of_a_crop_that_is_nearly_all_ink():
    image = np.full((10, 12), 40, np.uint8)
    image[0], image[:, :2] = 255, 255
    assert transforms.trim_box(image).shape == (10, 12)


def test_trim_keeps_the_ink_and_a_margin():
    image = np.full((14, 20), 255, np.uint8)
    image[6, 8:11] = 0
    assert transforms.trim_sides(image).shape == (14, 7)
    assert transforms.trim_box(image).shape == (5, 7)
    assert transforms.trim_box(image)[2].tolist() == [255, 255, 0, 0, 0, 255, 255]
    assert transforms.trim_sides(np.full((4, 20), 255, np.uint8)).shape == (4, 1)
    assert transforms.trim_box(np.full((4, 20), 255, np.uint8)).shape == (1, 1)


def test_contrast_is_stretched_and_blank_paper_unchanged():
    faint = np.full((10, 20), 200, np.uint8)
    faint[4:6, 5:15] = 150
    stretched = transforms.stretch_contrast(faint)
    assert (stretched[4:6, 5:15] == 0).all()
    assert (stretched[0] == 255).all()
    noise = np.random.default_rng(0).integers(240, 250, (10, 20), np.uint8)
    np.testing.assert_array_equal(transforms.stretch_contrast(noise), noise)
