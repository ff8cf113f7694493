import numpy as np
import pytest

from hwgan.data import ink_cleaning
from hwgan.data.ink import draw_strokes, from_offsets, join_strokes, pixel_origin, split_strokes, to_offsets
from hwgan.data.ink_cleaning import Cleaning, UnusableInk


def wave(count=400, length=20.0):
    """A line of "letters" between y = -1 and y = 0."""
    x = np.linspace(0.0, length, count)
    return np.column_stack([x, -0.5 + 0.5 * np.sin(2 * np.pi * x)])


def test_strokes_survive_the_way_to_offsets_and_back():
    strokes = [
        np.array([[0.0, -1.0], [1.0, -2.0]]),
        np.array([[3.0, 0.5]]),
        np.array([[2.0, 0.0], [4.0, 1.0], [5.0, 1.0]]),
    ]
    ink = join_strokes(strokes)
    assert ink[:, 2].tolist() == [0, 1, 1, 0, 0, 1]
    for stroke, found in zip(strokes, split_strokes(from_offsets(to_offsets(ink))), strict=True):
        np.testing.assert_allclose(found, stroke, atol=1e-6)


def test_the_first_offset_starts_at_the_left_end_on_the_baseline():
    ink = join_strokes([np.array([[2.0, -1.5], [1.0, 0.0]])])
    np.testing.assert_allclose(to_offsets(ink)[0], [1.0, -1.5, 0.0])


def test_outliers_are_removed_and_dots_stay():
    line = np.column_stack([np.arange(20.0), np.zeros(20)])
    line[7] = 500.0, 500.0
    dot = np.array([[30.0, 30.0]])
    cleaned, kept = ink_cleaning.remove_outliers([line, dot], 5.0)
    assert len(cleaned) == 19
    assert cleaned[:, 1].max() == 0.0
    np.testing.assert_array_equal(kept, dot)


@pytest.mark.parametrize("angle", [-0.2, 0.15])
def test_a_sloping_line_becomes_level(angle):
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    (stroke,) = ink_cleaning.level([wave() @ rotation])
    assert abs(np.polyfit(*stroke.T, 1)[0]) < 0.01
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(stroke, axis=0)), np.linalg.norm(np.diff(wave(), axis=0)), rtol=1e-6
    )


@pytest.mark.parametrize("shear", [-0.5, 0.3])
def test_slanted_strokes_become_upright(shear):
    bars = [np.array([[i, -1.5], [i, 0.0]]) for i in range(6)]
    for bar, found in zip(
        bars, ink_cleaning.upright([bar @ np.array([[1, 0], [shear, 1]]) for bar in bars]), strict=True
    ):
        np.testing.assert_allclose(np.diff(found, axis=0), np.diff(bar, axis=0), atol=1e-9)


def test_size_and_place_are_in_x_heights():
    for scale, shift in ((7.0, (100.0, -40.0)), (0.01, (3.0, 5.0))):
        (stroke,) = ink_cleaning.resize([wave() * scale + shift], "x_height")
        np.testing.assert_allclose(stroke, wave(), rtol=0.005, atol=0.02)


def test_resampling_keeps_corners_and_even_distances():
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.1]])
    found = ink_cleaning.resample(corner, 0.25)
    assert (np.abs(found - [1.0, 0.0]).sum(axis=1) < 1e-9).sum() == 1
    steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
    np.testing.assert_allclose(steps, [0.25] * 4 + [1.1 / 4] * 4)
    assert len(ink_cleaning.resample(corner[:1], 0.25)) == 1


def test_late_strokes_come_with_their_letter():
    """Two letters in one stroke, then the dot of the first."""
    letters, dot = wave(200, 6.0), np.array([[1.2, -1.6], [1.3, -1.6]])
    other = wave(50, 1.0) + np.array([8.0, 0.0])
    between = ink_cleaning.place_late_strokes([letters, other, dot], cut=False)
    assert [len(stroke) for stroke in between] == [200, 2, 50]
    first, late, rest, last = ink_cleaning.place_late_strokes([letters, other, dot], cut=True)
    np.testing.assert_array_equal(late, dot)
    np.testing.assert_array_equal(np.concatenate([first, rest[1:]]), letters)
    np.testing.assert_array_equal(last, other)
    assert 1.3 <= first[-1, 0] <= 2.5
    assert first[-1, 1] > -0.1  # at the bottom of the letter


def test_writing_from_left_to_right_has_no_late_strokes():
    strokes = [wave(50, 2.0) + np.array([3.0 * i, 0.0]) for i in range(4)]
    for cut in (False, True):
        assert len(ink_cleaning.place_late_strokes(strokes, cut=cut)) == 4


def test_unusable_ink_has_a_reason():
    with pytest.raises(UnusableInk, match="no points"):
        Cleaning()(np.zeros((0, 3), np.float32))
    with pytest.raises(UnusableInk, match="no height"):
        Cleaning(size="x_height")(np.ones((4, 3), np.float32))
    far = join_strokes([wave(), wave() + np.array([90.0, 0.0])])
    with pytest.raises(UnusableInk, match="pen jumps too far"):
        Cleaning(max_jump=20.0)(far)
    assert len(Cleaning()(far)) == 800
    with pytest.raises(ValueError, match="late_strokes must be one of"):
        Cleaning(late_strokes="never")


def test_a_picture_shows_strokes_where_they_are():
    strokes = [np.array([[0.5, -1.0], [0.5, 0.0]])]
    image = draw_strokes(strokes, 20.0, thickness=0.1, extent=(2.0, 1.0))
    column, row = pixel_origin(strokes, 20.0, 0.1, 2.0)
    assert image.shape[0] == 60
    assert image[round(row) - 10, round(column + 10)] < 100
    assert image[round(row) - 30].min() == 255
