"""`hwgan` as programs use it, and its examples."""

import doctest
import os
import pathlib
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import hwgan
import hwgan.sampling.model
import hwgan.sampling.stroke_model

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def model():
    return hwgan.load()


@pytest.mark.parametrize("module", [hwgan, hwgan.sampling.model, hwgan.sampling.stroke_model])
def test_the_examples_of_docstrings_are_right(module):
    result = doctest.testmod(module)
    assert result.attempted >= 5 and result.failed == 0


def test_strokes_of_a_hand():
    model = hwgan.load_strokes()
    strokes = model.strokes("fox", style=model.writers[7])
    for again, stroke in zip(model.strokes("fox", style=model.writers[7]), strokes, strict=True):
        np.testing.assert_array_equal(again, stroke)
    heights = [np.concatenate(model.strokes("hill", style=writer))[:, 1] for writer in model.writers[:7]]
    # Ascenders are some two x-heights above the baseline, where y is negative, and nothing is far below it.
    assert -3 < np.median([y.min() for y in heights]) < -1.2 and np.median([y.max() for y in heights]) < 0.6
    first, other = model.word("fox", style=model.writers[7]), model.word("fox", style=np.int64(3))
    assert first.shape[0] == model.height and (first.shape != other.shape or (first != other).any())
    assert model.words([]) == []
    assert model.line("a fox", style=3).shape[0] == model.height


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.word("two words"), "has a space, so it is no word"),
        (lambda model: model.words("word"), r"words\(\) takes a list"),
        (lambda model: model.strokes("été"), "outside the alphabet"),
        (lambda model: model.word("a", style=-1), "style=-1 must be a whole number"),
        (lambda model: model.word("a", style="nobody"), "'nobody' is neither one of the .* writers .* nor a file"),
        (lambda model: model.word("a", style=""), "'' is neither one of"),
        (lambda model: model.document("a", widht=3), "pages have no setting 'widht'; there are "),
        (lambda model: hwgan.load_strokes("iam_evaluator"), "is of word images, not of strokes"),
        (lambda model: model.page("a", page_size="a4"), r"document\(\) has pages of a paper size"),
        (lambda model: hwgan.load_strokes(bias=-1), "bias=-1 must be a number from 0"),
        (lambda model: hwgan.load("strokes"), r"hwgan\.load_strokes take them"),
        (lambda model: hwgan.load_strokes("handwriting"), "handwriting"),
    ],
)
def test_mistakes_with_strokes_are_named(call, message):
    with pytest.raises(hwgan.UserError, match=message):
        call(hwgan.load_strokes())


def test_the_examples_of_the_guide_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = (ROOT / "docs" / "python.md").read_text(encoding="utf-8").split("```python\n")[1:]
    code = "\n".join(block.partition("```")[0] for block in blocks)
    assert code.count("model.") > 8
    exec(compile(code, "docs/python.md", "exec"), {})
    assert {path.suffix for path in tmp_path.iterdir()} >= {".png", ".pdf", ".svg"}


def test_importing_starts_no_jax():
    code = "import sys, hwgan; assert hwgan.UserError; print('jax' in sys.modules, 'numpy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]


def test_writing_imports_only_what_it_needs(tmp_path):
    """The first word of a process waits for imports; these take as long as all others together."""
    code = (
        "import sys, hwgan, hwgan.sample; "
        f"hwgan.load().document('ami').save({str(tmp_path / 'ami.png')!r}); print(*sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    assert "jax" in loaded
    assert not loaded & {"scipy", "tensorflow_datasets", "orbax", "matplotlib"}


def test_every_line_break_of_unicode_is_one(model):
    plain, other = (model.page(f"un{line_break}deux") for line_break in ("\n", "\u2028"))
    np.testing.assert_array_equal(plain, other)


def test_a_cache_of_compiled_programs_that_a_program_chose_is_kept(tmp_path):
    code = (
        f"import jax, hwgan; jax.config.update('jax_compilation_cache_dir', {str(tmp_path)!r}); hwgan.load(); "
        "print(jax.config.jax_compilation_cache_dir, jax.config.jax_persistent_cache_min_entry_size_bytes)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert result.stdout.split() == [str(tmp_path), "0"], result.stderr


def test_loading_makes_the_settings_of_entry_points():
    code = (
        "import os, hwgan; hwgan.load(); import jax; "
        "print(os.environ['XLA_FLAGS'], os.environ['NPROC'], jax.config.jax_persistent_cache_min_entry_size_bytes)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--xla_cpu_experimental_ynn_fusion_type=" in result.stdout
    assert result.stdout.split()[-1] == "-1"


def test_words_lines_and_pages_are_grey_levels(model):
    words = model.words(["un", "deux"], styles=[1, 2])
    line, page = model.line("un deux", style=1), model.page("un deux trois quatre", width=200)
    for image in [*words, line, page]:
        assert image.dtype == np.uint8 and image.ndim == 2
        assert image.max() == 255 and image.min() < 128
    assert [image.shape[0] for image in [*words, line]] == [model.height] * 3
    assert page.shape[1] == 200 and page.shape[0] > 2 * model.height
    assert model.page("un", width=300, ink="blue", scale=2).shape[1:] == (600, 3)
    assert model.words([]) == []


def test_the_same_style_gives_the_same_pixels(model):
    for style in (model.style(3), model.style(3).tolist()):
        np.testing.assert_array_equal(model.word("ami", style=3), model.word("ami", style=np.array(style)))
    np.testing.assert_array_equal(model.page("un ami", 3), model.page("un ami", 3))
    one, same, other = model.words(["ami"] * 3, styles=[3, model.style(3), 4])
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_temperature_and_interpolation(model):
    np.testing.assert_allclose(model.style(3, temperature=0.5), model.style(3, temperature=1.0) / 2, rtol=1e-6)
    styles = model.interpolate(4, model.style(9), count=5)
    np.testing.assert_allclose(styles[0], model.style(4), atol=1e-5)
    np.testing.assert_allclose(styles[-1], model.style(9), atol=1e-5)
    assert len(model.words(["ami"] * 5, styles)) == 5


def test_what_looks_the_same_is_written_for_other_characters(model):
    np.testing.assert_array_equal(model.word("ａmi"), model.word("ami"))  # full width
    with pytest.raises(hwgan.UserError, match="outside the alphabet"):
        model.line("smile 😀")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.word("two words"), "has a space, so it is no word"),
        (lambda model: model.words("word"), r"words\(\) takes a list"),
        (lambda model: model.words(["a", "b"], styles=[1, 2, 3]), "2 texts and 3 styles"),
        (lambda model: model.word("a", style=np.zeros(3)), "a style is a seed"),
        (lambda model: model.word("a", style=-1), "seed=-1 must be a whole number"),
        (lambda model: model.line("  "), "the text is empty"),
        (lambda model: model.page("a", page_size="a4"), r"document\(\) has pages of a paper size"),
        (lambda model: model.page("a", ink="gold"), "ink='gold' must be"),
        (lambda model: model.style(1, temperature=9.0), "must be above 0 and at most 5"),
        (lambda model: model.word("a", style="nowhere.npz"), "cannot read the style 'nowhere.npz'"),
        (lambda model: model.style_from([]), "no style can be made"),
    ],
)
def test_mistakes_are_named(model, call, message):
    with pytest.raises(hwgan.UserError, match=message):
        call(model)


def test_a_style_from_images_is_near_the_one_that_wrote_them(model):
    texts = ["bonjour", "maison", "jardin", "lettre", "encore", "village", "quick", "brown", "foxes", "depuis"]
    seeds = (3, 5, 7, 11, 13, 17)
    found = [model.style_from(model.words(texts, styles=seed), texts) for seed in seeds]
    directions = [
        np.stack([z[1:] / np.linalg.norm(z[1:]) for z in map(np.asarray, styles)])
        for styles in (found, [model.style(seed) for seed in seeds])
    ]
    likeness = directions[0] @ directions[1].T  # of each found style to each that wrote
    others = likeness[~np.eye(len(seeds), dtype=bool)]
    assert likeness.diagonal().mean() > others.mean() + 0.2


def test_no_other_names_are_promised():
    assert set(hwgan.__all__) == {"Model", "StrokeModel", "UserError", "load", "load_strokes"}
    assert hwgan.Model is hwgan.sampling.model.Model
    assert hwgan.StrokeModel is hwgan.sampling.stroke_model.StrokeModel
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hwgan.nothing
    assert (ROOT / "hwgan" / "py.typed").exists()


def test_numbers_of_numpy_and_paths_are_taken(model, tmp_path):
    """As a program has them that computes seeds and lays out folders."""
    np.testing.assert_array_equal(model.word("a", np.int64(3)), model.word("a", 3))
    np.testing.assert_array_equal(model.style(np.int64(3), np.float32(0.5)), model.style(3, 0.5))
    for image, seed in zip(model.words(["a", "b"], styles=np.arange(2)), range(2), strict=True):
        np.testing.assert_array_equal(image, model.word("ab"[seed], seed))
    for image, again in zip(model.words(["a", "b"], jnp.arange(2)), model.words(["a", "b"], [0, 1]), strict=True):
        np.testing.assert_array_equal(image, again)
    assert len(model.interpolate(1, 2, np.int64(3))) == 3
    assert model.page("a", width=np.int64(300)).shape[1] == 300
    with pytest.raises(hwgan.UserError, match="missing"):
        model.word("a", tmp_path / "missing.npz")
    calm = hwgan.load(temperature=np.float32(0.5))
    np.testing.assert_array_equal(calm.style(3), model.style(3, 0.5))
    neat = hwgan.load_strokes(bias=np.float32(2), temperature=np.int64(1))
    np.testing.assert_array_equal(neat.word("a"), hwgan.load_strokes(bias=2, temperature=1).word("a"))
    with pytest.raises(hwgan.UserError, match="step"):
        hwgan.load(step=np.int64(1))


MISTAKES = """
import numpy as np, hwgan
model, pen = hwgan.load(), hwgan.load_strokes()
for call, message in [
    (lambda: model.word("a", style=3.0), "an array of 32 finite numbers; got 3.0"),
    (lambda: model.word("a", style=None), "got None"),
    (lambda: model.page("a", widht=3), "pages have no setting 'widht'; there are width, page_size"),
    (lambda: model.style_from([np.zeros((40, 90, 3), np.uint8)]), "image 0 must be an array of grey levels"),
    (lambda: model.style_from([np.ones((40, 90))]), "got float64 (40, 90)"),
    (lambda: model.style_from(["a.png"]), "got str"),
    (lambda: model.style(-1), "seed=-1 must be a whole number from 0 to 4,294,967,295"),
    (lambda: pen.word("a", style=2.5), "style=2.5 must be a whole number"),
    (lambda: hwgan.load("no/where"), "'no/where' does not exist"),
]:
    try:
        call()
    except hwgan.UserError as error:
        assert message in str(error), error
    else:
        raise AssertionError(message)
"""


def test_mistakes_are_named_without_checks_of_types():
    """As programs run it; here annotations are checked before."""
    subprocess.run([sys.executable, "-c", MISTAKES], cwd=ROOT, check=True)
