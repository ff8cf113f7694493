"""Words whose letters have widths of their own: the layout, the generator, and the step that learns hands."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from hwgan.data.word_store import WordStore
from hwgan.errors import UserError
from hwgan.evaluation.assessment import Assessor, frequent_words
from hwgan.judge import Judge
from hwgan.models.identifier import Whitening, WriterIdentifier
from hwgan.models.layout import letter_spans, place_on_columns
from hwgan.models.variable_width import _image, without_haze
from hwgan.release import read_judge, write_release
from hwgan.run import Run, build_networks
from hwgan.train_state import NETWORK_NAMES
from hwgan.writing import draw_hands, real_hands
from tests.conftest import SmallRun

WIDTHS = jnp.array([0.0, 5.0, 10.0, 20.0])
LABELS = jnp.array([[1, 2, 0, 0], [3, 3, 2, 1]])
LENGTHS = jnp.array([2, 4])


def layout(stretch=(1.0, 1.0), canvas_width=64, crowding=0.0, usual_width=1.0):
    return letter_spans(LABELS, LENGTHS, WIDTHS, jnp.array(stretch), canvas_width, crowding, usual_width)


def test_spans_are_those_of_the_letters_times_the_stretch():
    np.testing.assert_allclose(layout().spans, [[5, 10, 0, 0], [20, 20, 10, 5]])
    np.testing.assert_array_equal(layout().widths, [15, 55])
    np.testing.assert_array_equal(layout((2.0, 0.5)).widths, [30, 28])


def test_a_word_that_is_too_wide_is_squeezed():
    squeezed = layout(canvas_width=40)
    assert squeezed.widths.tolist() == [15, 40]
    np.testing.assert_allclose(squeezed.spans.sum(axis=1), [15, 40], rtol=1e-6)
    np.testing.assert_allclose(squeezed.spans[1] / squeezed.spans[1, 0], [1, 1, 0.5, 0.25], rtol=1e-6)


def test_letters_of_long_words_are_narrower_and_those_of_short_ones_wider():
    crowded = layout(crowding=0.5, usual_width=30.0)
    wished = [15 * (30 / 15) ** 0.5, 55 * (30 / 55) ** 0.5]  # 21.2 instead of 15, 40.6 instead of 55
    np.testing.assert_array_equal(crowded.widths, np.ceil(wished))
    np.testing.assert_allclose(crowded.spans.sum(axis=1), np.ceil(wished), rtol=1e-6)
    np.testing.assert_allclose(crowded.spans[1] / crowded.spans[1, 0], [1, 1, 0.5, 0.25], rtol=1e-6)


def test_hands_write_a_usual_word_as_wide_with_crowding_as_without():
    for stretch in (0.8, 1.0, 1.3):
        plain, crowded = (layout((1.0, stretch), 96, crowding, usual_width=55.0) for crowding in (0.0, 0.5))
        assert int(crowded.widths[1]) == int(plain.widths[1]) == np.ceil(55 * stretch)


def test_columns_belong_to_the_letter_above_them():
    shares, places = place_on_columns(layout(), 64)
    np.testing.assert_allclose(shares.sum(axis=-1), np.ones((2, 64)), rtol=1e-5)
    assert shares[0].argmax(axis=-1)[:15].tolist() == [0] * 5 + [1] * 10
    assert shares[1].argmax(axis=-1)[jnp.array([10, 30, 45, 54])].tolist() == [0, 1, 2, 3]
    assert float(shares[0, :, 2:].max()) == 0.0  # padding is no character
    assert abs(float(places[1, 9])) < 0.1  # near the middle of the first letter
    assert float(places[1, 2]) < -0.7


def edit_to_letters(config):
    config.preprocessing.update(frame=True, height=40, pixels_per_character=0)
    config.data.max_width = 96
    config.model.z_dim = 5
    config.model.generator = ConfigDict(
        dict(name="letters", block_features=(6, 4), first_features=8, condition_features=6)
    )
    config.model.discriminator = ConfigDict(dict(name="variable", block_features=(4, 4, 4)))
    config.model.identifier = ConfigDict(dict(name="writers", num_writers=3, features=4, conv_features=(4, 4)))


@pytest.fixture(scope="module")
def run():
    return SmallRun(edit_to_letters)


@pytest.fixture(scope="module", params=[0.0, 0.3])
def draw(run, request):
    """(z, labels, lengths, canvas width) → images, layout."""
    state = run.state
    generator = run.networks.generator.clone(stroke=request.param)
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda x: x + 0.3 * rng.normal(size=x.shape).astype(x.dtype),
        {"language_model": state.language_model.params, "generator": state.generator.params},
    )

    def apply(z, labels, lengths, canvas_width):
        where = run.networks.layout(labels, lengths, z, canvas_width)
        text = run.networks.language_model.apply({"params": params["language_model"]}, labels, lengths)
        return generator.apply({"params": params["generator"]}, z, text, where, train=False), where

    return jax.jit(apply, static_argnums=3)


def test_a_word_alone_is_that_of_a_batch(draw):
    z = jax.random.normal(jax.random.key(0), (2, 5))
    images, where = draw(z, LABELS, LENGTHS, 128)
    assert images.shape == (2, 40, 128, 1)
    assert float(jnp.abs(images).max()) <= 1.0
    alone, _ = draw(z[:1], LABELS[:1, :2], LENGTHS[:1], 96)
    width = int(where.widths[0])
    np.testing.assert_allclose(alone[0, :, :width], images[0, :, :width], atol=1e-4)
    assert bool((images[0, :, width:] == 1.0).all())


def test_ink_beside_no_stroke_is_taken_away():
    ink = np.zeros((1, 9, 9, 1), np.float32)
    ink[0, 4, 4], ink[0, 4, 5], ink[0, 5, 5] = 1.0, 0.15, 0.15  # a stroke, its edge, and a pixel across a corner
    ink[0, 0, 0], ink[0, 8, 0] = 0.1, 0.6  # haze, and a dot
    left = (1.0 - np.asarray(without_haze(jnp.array(1.0 - 2.0 * ink), 0.3))) / 2.0
    np.testing.assert_allclose(left[0, 4, 4:6, 0], [1.0, 0.15], rtol=1e-3)
    np.testing.assert_allclose(left[0, 8, 0, 0], 0.6, rtol=1e-2)
    assert left[0, 5, 5, 0] < 0.01
    assert left[0, 0, 0, 0] < 0.01
    assert left.sum() < 1.77
    # A pixel that is hardly too faint is drawn out or in.
    slope = jax.grad(lambda value: without_haze(jnp.full((1, 3, 3, 1), 1.0).at[0, 1, 1, 0].set(value), 0.3)[0, 1, 1, 0])
    assert float(slope(0.45)) > 1.5


def test_haze_in_the_last_column_does_not_depend_on_the_padding():
    class End(nn.Module):
        @nn.compact
        def __call__(self, x, where):
            return _image(x, where.widths // 2, where, dict(dtype=jnp.float32, param_dtype=jnp.float32), stroke=0.3)

    where = dataclasses.replace(layout(canvas_width=16), widths=jnp.array([16, 16]))
    x = jax.random.normal(jax.random.key(0), (2, 40, 8, 5))
    variables = jax.tree.map(lambda leaf: 4.0 * leaf, End().init(jax.random.key(1), x, where))
    padded = End().apply(variables, jnp.pad(x, ((0, 0), (0, 0), (0, 4), (0, 0))), where)
    np.testing.assert_allclose(padded[:, :, :16], End().apply(variables, x, where), atol=1e-4)
    assert bool((padded[:, :, 16:] == 1.0).all())


def test_text_hand_and_width_change_the_image(draw):
    z = jax.random.normal(jax.random.key(0), (2, 5)).at[:, 0].set(0.0)
    images, where = draw(z, LABELS, LENGTHS, 128)
    other_text, _ = draw(z, LABELS.at[1, 0].set(4), LENGTHS, 128)
    assert float(jnp.abs(other_text[1] - images[1]).max()) > 1e-3
    other_hand, same = draw(z.at[1, 3].add(1.0), LABELS, LENGTHS, 128)
    assert float(jnp.abs(other_hand[1] - images[1]).max()) > 1e-3
    assert same.widths.tolist() == where.widths.tolist()
    _, wide = draw(z.at[1, 0].set(2.0), LABELS, LENGTHS, 128)
    assert abs(int(wide.widths[1]) - float(where.widths[1]) * np.exp(0.4)) < 2


def test_the_step_moves_every_network(run):
    state, metrics = run.step(style_weight=0.5)(run.state, run.batch(), jax.random.key(1))
    for name in NETWORK_NAMES:
        pairs = zip(
            jax.tree.leaves(getattr(state, name).params), jax.tree.leaves(getattr(run.state, name).params), strict=True
        )
        assert any(bool((a != b).any()) for a, b in pairs), name
    assert all(np.isfinite(value) for value in metrics.values())
    assert {"identifier/loss", "identifier/accuracy", "generator/hand_error"} <= set(metrics)


def test_hands_write_as_wide_as_their_words_were_chosen_for(run):
    """Those of noise and those of real words alike, else what is written would not fit beside the real words."""
    stretch = jnp.linspace(-1.0, 1.0, 8)
    batch = run.batch(8) | {"fake_stretch": stretch, "hand": 9.0 * jnp.ones((8, 5))}
    drawn = draw_hands(run.networks, batch, jax.random.key(0))
    np.testing.assert_array_equal(drawn["z"][:, 0], stretch)
    np.testing.assert_array_equal((drawn["z"][:, 1:] == 9.0).all(axis=1), ~drawn["from_noise"])
    del batch["hand"]
    drawn = draw_hands(run.networks, batch, jax.random.key(0))
    np.testing.assert_array_equal(drawn["z"][:, 0], stretch)
    assert bool(drawn["from_noise"].all())


@pytest.mark.parametrize("crowding", [0.0, 0.3])
def test_texts_are_as_wide_as_the_layout_makes_them(run, crowding):
    networks = dataclasses.replace(run.networks, generator=run.networks.generator.clone(crowding=crowding))
    layout = networks.layout(LABELS, LENGTHS, jnp.zeros((2, 5)), 512)
    np.testing.assert_array_equal(np.ceil(networks.text_widths(np.array(LABELS), np.array(LENGTHS))), layout.widths)


def test_words_of_unknown_writers_teach_nothing(run):
    step = run.step(updated_networks=("identifier",))
    unknown = run.batch() | {"writer": jnp.full((4,), -1)}
    _, metrics = step(run.state, unknown, jax.random.key(1))
    assert float(metrics["identifier/loss"]) == 0.0
    assert float(metrics["identifier/grad_norm"]) == 0.0
    _, metrics = step(run.state, run.batch(), jax.random.key(1))
    assert float(metrics["identifier/grad_norm"]) > 0.0


def test_whitened_features_are_as_noise_is():
    rng = np.random.default_rng(0)
    mix, shift = rng.normal(size=(4, 4)), rng.normal(size=4)
    module = Whitening()
    variables = module.init(jax.random.key(0), jnp.zeros((1, 4)), train=True)
    for _ in range(1000):  # of fewer words than have a covariance
        words = jnp.asarray(rng.normal(size=(3, 4)) @ mix + shift)
        _, variables = module.apply(variables, words, train=True, mutable=["batch_stats"])
    seen = module.apply(variables, jnp.asarray(rng.normal(size=(5000, 4)) @ mix + shift), train=False)
    np.testing.assert_allclose(seen.mean(axis=0), 0.0, atol=0.25)
    np.testing.assert_allclose(np.cov(seen, rowvar=False), np.eye(4), atol=0.35)


def test_what_is_whitened_are_features_as_they_will_be_looked_at():
    module = WriterIdentifier(num_writers=3, features=4, conv_features=(4, 4), whitened=True)
    image, widths = jax.random.uniform(jax.random.key(0), (400, 16, 32, 1), minval=-1.0), jnp.full(400, 32)
    image *= jax.random.uniform(jax.random.key(1), (400, 1, 1, 1))  # of hands that differ
    variables = module.init(jax.random.key(2), image, widths, train=False)
    learn = jax.jit(lambda v, i: module.apply(v, i, widths[:4], train=True, mutable=["batch_stats"])[1])
    for start in [*range(0, 400, 4)] * 12:
        variables = variables | learn(variables, image[start : start + 4])
    seen = module.apply(variables, image, widths, train=False).noise
    np.testing.assert_allclose(np.cov(seen, rowvar=False), np.eye(4), atol=0.35)


def test_a_whitened_identifier_gives_its_noise_for_the_hands_of_real_words():
    def edit(config):
        edit_to_letters(config)
        config.model.identifier.whitened = True

    run = SmallRun(edit)
    state, metrics = run.step(style_weight=0.5)(run.state, run.batch(), jax.random.key(1))
    assert all(np.isfinite(value) for value in metrics.values())
    covariance = state.identifier.collections["batch_stats"]["whitening"]["covariance"]
    assert not np.array_equal(covariance, np.eye(4))
    batch = run.batch()
    seen = run.networks.identifier.apply(state.identifier.variables, batch["image"], batch["image_width"], train=False)
    hands = real_hands(run.networks, state, batch)
    np.testing.assert_allclose(hands[:, 1:], seen.noise, rtol=1e-5)
    assert float(jnp.abs(seen.noise - seen.features).max()) > 1e-3


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_identifier_learns_under_noise_and_has_the_averages_of_words_without(run, accumulate):
    plain, noisy = (
        run.step(updated_networks=("identifier",), recognizer_noise=noise, accumulate=accumulate)(
            run.state, run.batch(), jax.random.key(1)
        )[0]
        for noise in (0.0, 0.5)
    )
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), plain.identifier.params, noisy.identifier.params)
    assert max(jax.tree.leaves(moved)) > 1e-4
    batch, variables = run.batch(), run.state.identifier.variables
    for part in range(accumulate):  # as `update.mean_gradients` deals them out
        image, widths = (batch[name][part::accumulate] for name in ("image", "image_width"))
        _, seen = run.networks.identifier.apply(variables, image, widths, train=True, mutable=["batch_stats"])
        variables |= seen
    expected = {name: variables[name] for name in noisy.identifier.collections}
    for a, b in zip(jax.tree.leaves(noisy.identifier.collections), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_identifier_ignores_padding():
    module = WriterIdentifier(num_writers=3, features=4, conv_features=(4, 4))
    image = jax.random.uniform(jax.random.key(0), (2, 16, 32, 1), minval=-1.0)
    widths = jnp.array([12, 32])
    variables = module.init(jax.random.key(1), image, widths, train=False)
    seen = module.apply(variables, image, widths, train=False)
    dirty = module.apply(variables, image.at[0, :, 12:].set(-1.0), widths, train=False)
    np.testing.assert_allclose(dirty.features, seen.features, atol=1e-5)
    assert seen.features.shape == (2, 4)
    assert seen.logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("section", "fields", "message"),
    [
        ("preprocessing", dict(height=32), "preprocessing.height=40 .here 32."),
        ("preprocessing", dict(frame=False), "preprocessing.frame=True"),
        ("data", dict(max_width=100), r"data.max_width .here 100. that 8 divides"),
        ("model", dict(z_dim=6), "features=4 must be model.z_dim=6 less 1"),
    ],
)
def test_mistakes_are_named(run, section, fields, message):
    def edit(config):
        edit_to_letters(config)
        config[section].update(fields)

    with pytest.raises(UserError, match=message):
        SmallRun(edit)


def test_networks_are_told_the_widths(run):
    networks, _ = build_networks(run.config, run.charset)
    assert len(networks.letter_widths) == run.charset.num_labels
    assert networks.letter_widths[0] == 0.0


def test_hands_are_measured(run):
    """Made-up words of three writers, two texts each; two more texts of one writer alone tell nothing."""
    rng = np.random.default_rng(0)
    texts = ["ab", "ab", "ab", "cde", "cde", "cde", "f"]
    writers = ["w0", "w1", "w2", "w0", "w1", "w2", "w1"]
    images = [rng.integers(0, 256, (40, 30), dtype=np.uint8) for _ in texts]
    real = WordStore.from_images(run.spec, images, texts, writers, charset=run.charset)
    assert frequent_words(real) == ["ab", "cde"]
    assessor = Assessor(Judge.of_state(run.networks, run.state, run.charset, run.spec), [], seed=0)
    figures = assessor.hands(real, frequent_words(real))
    assert figures["hands"].value == 3
    assert figures["hand_distance"].value > 0
    assert 0 <= figures["hand_retrieval"].value <= 1
    nobody = dataclasses.replace(real, writers=[""] * len(texts))
    assert frequent_words(nobody) == []
    assert assessor.hands(nobody, ["ab"]) == {}
    alone = real.take([0, 3])  # one writer: nobody to differ from
    assert assessor.hands(alone, ["ab", "cde"]) == {}


def test_writers_are_numbered_and_the_unknown_is_not(run):
    images = [np.full((40, 30), 255, np.uint8)] * 4
    store = WordStore.from_images(
        run.spec, images, ["a", "b", "c", "d"], ["zoe", "", "ann", "zoe"], charset=run.charset
    )
    assert store.batch(np.arange(4))["writer"].tolist() == [1, -1, 0, 1]
    assert store.num_writers == 2


def test_a_reader_beside_an_identifier_that_did_not_learn_knows_no_hands(run, tmp_path):
    config = run.config.copy_and_resolve_references()
    config.train.updated_networks = ("recognizer",)
    path = str(tmp_path / "reader.npz")
    write_release(Run(config, run.charset, run.networks, run.state), path)
    judge = read_judge(path)
    assert not judge.knows_writers
    words, _ = judge.store([np.full((40, 30), 255, np.uint8)], ["ab"], [""])
    assert judge.features(words).shape[0] == 1
