"""The preprocessing steps, which every checkpoint stores."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from hwgan.checkpoints.run import image_spec, load_run
from hwgan.data import transforms
from hwgan.data.preprocessing import ImageSpec, Preprocessing, TooWide
from hwgan.data.previews import draw_preprocessing
from hwgan.evaluation.runs import evaluate
from hwgan.runtime.errors import UserError
from hwgan.training.loop import train_and_evaluate

WORD = np.full((40, 90), 230, np.uint8)
WORD[10:30, 20:24] = WORD[10:14, 20:60] = 90


def test_steps_are_in_order_and_the_last_is_the_result():
    everything = Preprocessing(contrast=True, trim="box", height=32, pixels_per_character=16)
    names = [name for name, _ in everything.steps(WORD, "abc")]
    assert names == ["contrast", "trim", "pixels_per_character"]
    assert everything(WORD, "abc").shape == (32, 48)
    np.testing.assert_array_equal(everything(WORD, "abc"), everything.steps(WORD, "abc")[-1][1])
    assert [name for name, _ in Preprocessing().steps(WORD, "abc")] == ["height"]
    assert Preprocessing(height=20)(WORD, "abc").shape == (20, 45)


@pytest.mark.parametrize(
    "step", [{"contrast": True}, {"trim": "sides"}, {"trim": "box"}, {"pad_to_line": True}, {"height": 16}]
)
def test_each_step_is_a_field_and_changes_the_image(step):
    plain, changed = Preprocessing()(WORD, "abc"), Preprocessing(**step)(WORD, "abc")
    assert plain.shape != changed.shape or (plain != changed).any()


def test_every_field_changes_the_cache_key():
    base = Preprocessing()
    others = [dict(contrast=True), dict(trim="box"), dict(pad_to_line=True), dict(height=8)]
    others += [dict(pixels_per_character=4)]
    assert {next(iter(other)) for other in others} == {field.name for field in dataclasses.fields(base)}
    keys = {base.key("a"), base.key("b"), *(dataclasses.replace(base, **other).key("a") for other in others)}
    assert len(keys) == 7
    assert base.key("a") == Preprocessing().key("a")


def thin_word():
    """Strokes thinner than a pixel once it is 40 high, as a pen's are on a scan."""
    word = np.full((110, 380), 40, np.uint8)
    word[:, 4:-4] = 255
    word[53:56] = word[::8, 180:] = 40
    return np.pad(word, 7, constant_values=255)  # the margin of the Copiste crops


def test_an_image_of_the_output_height_gets_the_same_preprocessing_as_its_fine_scan():
    """Generated images have the output height already, and must not be stretched and trimmed once more than scans."""
    small = Preprocessing(contrast=True, pad_to_line=True, height=40)(thin_word(), "chat")
    preprocessing = Preprocessing(contrast=True, trim="ink", pad_to_line=True, height=40)
    of_scan, of_small = preprocessing(thin_word(), "chat"), preprocessing(small, "chat")
    assert [name for name, _ in preprocessing.steps(thin_word(), "chat")] == [
        "contrast",
        "trim",
        "pad_to_line",
        "height",
    ] * 2
    assert [name for name, _ in preprocessing.steps(small, "chat")] == ["contrast", "trim", "pad_to_line", "height"]
    assert abs(of_scan.shape[1] - of_small.shape[1]) <= 1
    np.testing.assert_allclose(of_small.mean(), of_scan.mean(), atol=3)
    once = preprocessing.steps(thin_word(), "chat")[3][1]
    assert abs(once.mean() - of_small.mean()) > 3 * abs(of_scan.mean() - of_small.mean())


def test_an_image_far_too_wide_is_an_error_before_it_is_scaled():
    with pytest.raises(TooWide, match="1000000 pixels wide and 2 high"):
        Preprocessing()(np.zeros((2, 1_000_000), np.uint8), "abc")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(trim="all"), r'preprocessing.trim=.all. does not exist; there are "" and \[.box., .ink., .sides.\]'),
        (dict(height=0), "preprocessing.height=0 must be at least 1"),
        (dict(pixels_per_character=-1), "at least 0"),
    ],
)
def test_wrong_fields_are_errors(fields, message):
    with pytest.raises(UserError, match=message):
        Preprocessing(**fields)
    with pytest.raises(UserError, match="too small"):
        ImageSpec(Preprocessing(pixels_per_character=16), max_width=40, max_length=6)


def test_training_and_evaluation_share_one_preprocessing(config, tmp_path):
    config.preprocessing.contrast = True
    config.train.updated_networks, config.train.num_steps = ("recognizer",), 2  # quick to compile
    train_and_evaluate(config, str(tmp_path / "run"))
    assert load_run(str(tmp_path / "run")).spec.preprocessing == image_spec(config).preprocessing
    # Evaluation uses the checkpoint's preprocessing, whatever the config says.
    config.preprocessing.contrast = False
    results = evaluate(config, str(tmp_path / "run"))
    assert results["preprocessing"]["contrast"] is True
    # A run cannot be continued with another preprocessing.
    with pytest.raises(UserError, match=r"preprocessing.contrast was True and is now False"):
        train_and_evaluate(config, str(tmp_path / "run"))


def test_preprocessing_grid_draws_all_settings():
    grid = draw_preprocessing([(WORD, "abc")] * 2, [("stored", Preprocessing(height=40)), ("é 字", Preprocessing())])
    assert isinstance(grid, Image.Image)
    pixels = np.asarray(grid)
    assert pixels.shape[1] > 2 * 90
    assert (pixels == transforms.WHITE).mean() > 0.2


@pytest.mark.parametrize(("text", "columns"), [("שָׁלוֹם", 4), ("ку\u0301да", 4), ("ที่", 1), ("दी", 2)])
def test_a_mark_adds_no_pixels_to_those_of_its_character(text, columns):
    image = np.zeros((40, 90), np.uint8)
    preprocessing = Preprocessing(height=32, pixels_per_character=16)
    assert preprocessing(image, text).shape == (32, 16 * columns)
    spec = ImageSpec(preprocessing, max_width=160, max_length=10)
    assert spec.expected_widths([text]).tolist() == [16 * columns]
