"""The list of steps, applied in one place and kept with every checkpoint."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from hwgan.data import transforms
from hwgan.data.preprocessing import ImageSpec, Preprocessing, TooWide
from hwgan.data.survey import draw_preprocessing
from hwgan.errors import UserError
from hwgan.evaluate import evaluate
from hwgan.run import image_spec, load_run
from hwgan.train import train_and_evaluate

WORD = np.full((40, 90), 230, np.uint8)
WORD[10:30, 20:24] = WORD[10:14, 20:60] = 90


def test_steps_come_in_their_order_and_the_last_is_the_result():
    everything = Preprocessing(contrast=True, deslant=True, trim="box", height=32, pixels_per_character=16)
    names = [name for name, _ in everything.steps(WORD, "abc")]
    assert names == ["contrast", "deslant", "trim", "pixels_per_character"]
    assert everything(WORD, "abc").shape == (32, 48)
    np.testing.assert_array_equal(everything(WORD, "abc"), everything.steps(WORD, "abc")[-1][1])
    assert [name for name, _ in Preprocessing().steps(WORD, "abc")] == ["height"]
    assert Preprocessing(height=20)(WORD, "abc").shape == (20, 45)


@pytest.mark.parametrize(
    "step", [{"contrast": True}, {"trim": "sides"}, {"trim": "box"}, {"frame": True}, {"height": 16}]
)
def test_each_step_is_a_field_and_changes_the_image(step):
    plain, changed = Preprocessing()(WORD, "abc"), Preprocessing(**step)(WORD, "abc")
    assert plain.shape != changed.shape or (plain != changed).any()


def test_every_field_changes_the_key_of_the_cache():
    base = Preprocessing()
    others = [dict(contrast=True), dict(deslant=True), dict(trim="box"), dict(frame=True), dict(height=8)]
    others += [dict(pixels_per_character=4)]
    assert {next(iter(other)) for other in others} == {field.name for field in dataclasses.fields(base)}
    keys = {base.key("a"), base.key("b"), *(dataclasses.replace(base, **other).key("a") for other in others)}
    assert len(keys) == 8
    assert base.key("a") == Preprocessing().key("a")


def thin_word():
    """Strokes thinner than a pixel once it is 40 high, as a pen's are on a scan."""
    word = np.full((110, 380), 40, np.uint8)
    word[:, 4:-4] = 255
    word[53:56] = word[::8, 180:] = 40
    return np.pad(word, 7, constant_values=255)  # the margin of the Copiste crops


def test_a_drawing_at_the_height_of_the_look_is_seen_as_the_scan_is():
    """What comes at its height must not be stretched and cut once more than what is finer."""
    drawing = Preprocessing(contrast=True, frame=True, height=40)(thin_word(), "chat")
    look = Preprocessing(contrast=True, trim="ink", frame=True, height=40)
    scan, drawn = look(thin_word(), "chat"), look(drawing, "chat")
    assert [name for name, _ in look.steps(thin_word(), "chat")] == ["contrast", "trim", "frame", "height"] * 2
    assert [name for name, _ in look.steps(drawing, "chat")] == ["contrast", "trim", "frame", "height"]
    assert abs(scan.shape[1] - drawn.shape[1]) <= 1
    np.testing.assert_allclose(drawn.mean(), scan.mean(), atol=3)
    once = look.steps(thin_word(), "chat")[3][1]
    assert abs(once.mean() - drawn.mean()) > 3 * abs(scan.mean() - drawn.mean())


def test_what_is_no_word_is_refused_before_it_fills_the_memory():
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
def test_mistakes(fields, message):
    with pytest.raises(UserError, match=message):
        Preprocessing(**fields)
    with pytest.raises(UserError, match="too small"):
        ImageSpec(Preprocessing(pixels_per_character=16), max_width=40, max_length=6)


def test_training_and_evaluation_share_one_preprocessing(config, tmp_path):
    config.preprocessing.contrast = True
    train_and_evaluate(config, str(tmp_path / "run"))
    assert load_run(str(tmp_path / "run")).spec.preprocessing == image_spec(config).preprocessing
    # Whatever the command line says, evaluation takes the checkpoint's.
    config.preprocessing.contrast = False
    results = evaluate(config, str(tmp_path / "run"))
    assert results["preprocessing"]["contrast"] is True
    # Nor can a run go on with another.
    with pytest.raises(UserError, match=r"preprocessing.contrast was True and is now False"):
        train_and_evaluate(config, str(tmp_path / "run"))


def test_picture_shows_a_row_for_each_setting():
    sheet = draw_preprocessing([(WORD, "abc")] * 2, [("stored", Preprocessing(height=40)), ("é 字", Preprocessing())])
    assert isinstance(sheet, Image.Image)
    pixels = np.asarray(sheet)
    assert pixels.shape[1] > 2 * 90
    assert (pixels == transforms.WHITE).mean() > 0.2
