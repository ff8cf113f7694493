"""Feature matching: the running means, their distance, its gradient, and what it does to a generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from hwgan.matching import Features, follow_real, letter_features, match, start_means, word_features
from hwgan.models.discriminator import ReadersView
from hwgan.writing import draw_hands
from tests.conftest import SmallRun

KEY = jax.random.key(1)


def of_words(rows):
    return {"reading": Features(rows[:, None], jnp.ones((len(rows), 1, 1)))}


def followed(means, features):
    """Real words that all count alike."""
    (of_what,) = features.values()
    return follow_real(means, features, jnp.ones(len(of_what.rows)))


def rows(seed, size=6, mean=0.0):
    return jnp.asarray(np.random.default_rng(seed).normal(mean, 1.0, (size, 5)), jnp.float32)


def of_letters(seed, means, size=6, shares=(0.5, 0.3, 0.2)):
    """Four places a word, at each one letter of three."""
    rng = np.random.default_rng(seed)
    letters = rng.choice(3, (size, 4), p=shares)
    states = rng.normal(np.array(means)[letters][..., None], 1.0, (size, 4, 5))
    return {"letters": Features(jnp.asarray(states, jnp.float32), jax.nn.one_hot(letters, 3))}


def test_features_of_a_word_are_of_its_own_frames():
    states = jnp.arange(24.0).reshape(2, 4, 3)
    hand = jnp.ones((2, 2))
    logits = jnp.zeros((2, 4, 5))
    found = word_features(ReadersView(states, jnp.array([4, 2]), hand, logits))
    np.testing.assert_allclose(found["reading"].rows[0, 0], states[0].mean(axis=0))
    np.testing.assert_allclose(found["reading"].rows[1, 0], states[1, :2].mean(axis=0))
    np.testing.assert_array_equal(found["hand"].rows[:, 0], hand)
    assert set(word_features(ReadersView(states, jnp.array([4, 2]), hand[:, :0], logits))) == {"reading"}


def test_a_letter_is_seen_where_it_is_read():
    """Two words of the label 2 and of 1, 1, whose frames say so plainly; the third frame of the first is padding."""
    sure = 20.0 * jax.nn.one_hot(jnp.array([[0, 2, 1, 0], [1, 0, 1, 0]]), 4)
    states = jnp.arange(8.0).reshape(2, 4, 1)
    view = ReadersView(states, jnp.array([2, 4]), jnp.zeros((2, 0)), sure)
    found = letter_features(view, None, jnp.array([[2, 0], [1, 1]]), jnp.array([1, 2]))["letters"]
    np.testing.assert_array_equal(found.rows, states)
    expected = np.zeros((2, 4, 3))  # the blank is no letter
    expected[0, 1, 1] = expected[1, 0, 0] = expected[1, 2, 0] = 1.0
    np.testing.assert_allclose(found.weights, expected, atol=1e-5)


def test_distance_is_that_of_all_words_so_far():
    means, real, generated = start_means(of_words(rows(0))), [], []
    for step in range(5):
        real.append(rows(step))
        generated.append(rows(100 + step, mean=2.0))
        means = followed(means, of_words(real[-1]))
        distances, means = match(means, of_words(generated[-1]), jnp.ones(6))
    real, generated = np.concatenate(real), np.concatenate(generated)
    expected = (np.square(generated.mean(axis=0) - real.mean(axis=0)) / (real.var(axis=0) + 1e-3)).mean()
    np.testing.assert_allclose(distances["reading"], expected, rtol=1e-4)


def test_a_word_that_counts_twice_is_as_two():
    once, twice = jnp.ones(6), jnp.array([2.0] + [1.0] * 5)
    distances = []
    for counts, more in ((twice, []), (once, [0])):
        real, generated = (of_words(jnp.concatenate([rows(seed), rows(seed)[jnp.array(more, int)]])) for seed in (0, 1))
        counts = jnp.concatenate([counts, jnp.ones(len(more))])
        means = follow_real(start_means(real), real, counts)
        distances.append(match(means, generated, counts)[0]["reading"])
    np.testing.assert_allclose(*distances, rtol=1e-5)


def test_letters_that_differ_are_seen_where_words_on_average_do_not():
    """One letter is moved up, one down: their sum over words is that of real ones."""
    at, real, generated = (1.0, -1.0, 0.0), (0.0, 0.0, 0.0), (0.6, -1.0, 0.0)
    everyone = jnp.ones(500)

    def distance(moved):
        means = followed(start_means(of_letters(0, real)), of_letters(0, np.add(real, at), size=500))
        return float(match(means, of_letters(1, np.add(moved, at), size=500), everyone)[0]["letters"])

    assert distance(real) < 0.02
    # 0.5 of letters are off by 0.6, 0.3 by 1, in standard deviations.
    np.testing.assert_allclose(distance(generated), 0.5 * 0.36 + 0.3 * 1.0, rtol=0.15)


def test_a_letter_met_too_rarely_says_little():
    common, rare = (0.99, 0.005, 0.005), (0.0, 3.0, 3.0)
    means = followed(start_means(of_letters(0, rare)), of_letters(0, (0.0, 0.0, 0.0), size=100, shares=common))
    seen = of_letters(1, rare, size=100, shares=common)
    value, slopes = jax.value_and_grad(
        lambda states: match(means, {"letters": seen["letters"].replace(rows=states)}, jnp.ones(100))[0]["letters"]
    )(seen["letters"].rows)
    assert 0.0 < value < 0.2 * 0.01 * 9.0 + 0.03
    assert jnp.isfinite(slopes).all()


def test_where_a_letter_was_never_met_nothing_is_said():
    never = (1.0, 0.0, 0.0)
    means = followed(start_means(of_letters(0, never)), of_letters(0, never, size=100, shares=never))
    seen = of_letters(1, (0.0, 5.0, 5.0), size=100, shares=(0.0, 0.5, 0.5))
    distances, after = match(means, seen, jnp.ones(100))
    assert distances["letters"] == 0.0
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(after))


def test_means_forget():
    means = start_means(of_words(rows(0)))
    for step in range(900):
        means = followed(means, of_words(rows(step, mean=5.0 if step < 450 else 0.0)))
    # 450 batches of a memory of 300: what is left of the old mean is exp(-1.5) of it.
    mean = means["reading"]["real"][0] / means["reading"]["real_weight"]
    np.testing.assert_allclose(mean, 5.0 * np.exp(-1.5), atol=0.15)


def test_gradient_moves_all_words_that_count_the_same_way():
    real = rows(0, size=500)
    means = followed(start_means(of_words(real)), of_words(real))
    generated, counts = rows(1, mean=2.0), jnp.array([1.0, 0.0] * 3)
    gradient = jax.grad(lambda rows: match(means, of_words(rows), counts)[0]["reading"])(generated)
    error = (generated[::2].mean(axis=0) - real.mean(axis=0)) / (real.var(axis=0) + 1e-3)
    expected = 2 * error / 5 / 3  # by features and by the words that count
    for row in range(6):
        np.testing.assert_allclose(gradient[row], expected if row % 2 == 0 else 0.0, rtol=1e-3, atol=1e-7)


def test_where_no_word_counts_the_mean_stays():
    means = followed(start_means(of_words(rows(0))), of_words(rows(0)))
    _, means = match(means, of_words(rows(1)), jnp.ones(6))
    nobody = jnp.zeros(6)
    value, gradient = jax.value_and_grad(lambda rows: match(means, of_words(rows), nobody)[0]["reading"])(rows(2))
    assert value > 0
    assert not gradient.any()
    _, after = match(means, of_words(rows(2)), nobody)
    np.testing.assert_array_equal(after["reading"]["generated"], means["reading"]["generated"])


def matching_config(config):
    config.train.feature_matching = 1.0
    config.train.letter_matching = 1.0
    config.optimizer.generator.learning_rate = 1e-3


@pytest.fixture(scope="module")
def run():
    return SmallRun(matching_config)


@pytest.fixture(scope="module")
def watched():
    """The same with an onlooker of another size than the recognizer."""

    def edit(config):
        matching_config(config)
        config.model.onlooker = ConfigDict(dict(name="conv", conv_features=(4, 4, 4), dense_features=6))

    return SmallRun(edit)


def test_a_state_has_means_only_where_features_are_matched(run, small_run):
    assert set(small_run.state.ema) == {"language_model", "generator"}  # as checkpoints of before
    assert set(run.state.ema) == {"language_model", "generator", "means"}
    assert {"reading", "letters"} <= set(run.state.ema["means"])


@pytest.mark.parametrize(("what", "accumulate"), [("feature", 1), ("feature", 2), ("letter", 1)])
def test_generated_words_come_nearer(run, what, accumulate):
    batch = run.batch(8)

    def last_distance(weight):
        step = run.step(
            updated_networks=("generator",),
            alpha=0.0,
            **{"feature_matching": 1e-6, "letter_matching": 1e-6, f"{what}_matching": weight},
            accumulate=accumulate,
            balance_rule="fogel",
        )
        state = run.state
        for _ in range(40):
            state, metrics = step(state, batch, KEY)
        assert state.ema["means"]["batches"]["seen"] == 40 * accumulate
        return float(metrics[f"generator/{what}_distance"])

    # A weight of 1e-6 follows the means without a say.
    assert last_distance(100.0) < 0.6 * last_distance(1e-6)


def test_an_onlookers_view_is_matched_and_it_does_not_learn(watched):
    means = watched.state.ema["means"]
    assert {"reading", "onlooking", "letters", "onlookers_letters"} <= set(means)
    assert means["onlooking"]["real"].shape == (1, 6)
    batch, last = watched.batch(8), {}
    for weight in (1e-6, 100.0):
        step = watched.step(
            updated_networks=("generator",), alpha=0.0, feature_matching=weight, letter_matching=weight / 10.0
        )
        state = watched.state
        for _ in range(40):
            state, _ = step(state, batch, KEY)
        assert all(jax.tree.leaves(jax.tree.map(np.array_equal, state.onlooker, watched.state.onlooker)))
        mean = state.ema["means"]["onlooking"]
        real, generated = (mean[kind] / mean[f"{kind}_weight"][:, None] for kind in ("real", "generated"))
        last[weight] = float(jnp.square(generated - real).sum())
    assert last[100.0] < 0.6 * last[1e-6]


def test_each_part_of_a_batch_has_words_of_noise_and_of_real_hands(run):
    batch = run.batch(8) | {"hand": jnp.ones((8, run.networks.z_dim))}
    drawn = draw_hands(run.networks, batch, KEY)
    for part in range(4):  # as `update.mean_gradients` deals them out
        assert sorted(drawn["from_noise"][part::4].tolist()) == [False, True]
    np.testing.assert_array_equal((drawn["z"] == 1.0).all(axis=1), ~drawn["from_noise"])


def test_hands_of_invented_words_may_be_farther_from_plain(run):
    """But not wider: that is the text's."""
    invented = jnp.array([True, False] * 4)
    batch = run.batch(8) | {"fake_invented": invented, "fake_stretch": jnp.arange(8.0)}
    usual, far = (draw_hands(run.networks, batch, KEY, spread)["z"] for spread in (1.0, 1.5))
    np.testing.assert_allclose(far[::2, 1:], 1.5 * usual[::2, 1:], rtol=1e-6)
    np.testing.assert_array_equal(far[1::2], usual[1::2])
    np.testing.assert_array_equal(far[:, 0], jnp.arange(8.0))


def test_invented_words_are_not_held_against_real_ones(run):
    """But they are read: nothing of them reaches discriminator or means, all of it the generator."""
    batch = run.batch(8)
    invented = jnp.array([True, False] * 4)
    other = jnp.where(invented[:, None] & (batch["fake_labels"] > 0), 1, batch["fake_labels"])
    assert (other != batch["fake_labels"]).any()
    step = run.step(updated_networks=("discriminator", "generator"), balance_rule="none", feature_matching=1.0)
    pairs = [
        step(run.state, batch | {"fake_labels": labels, "fake_invented": marks, "fake_weight": 1.0 - marks}, KEY)
        for labels, marks in ((batch["fake_labels"], invented), (other, invented), (other, ~invented))
    ]
    (first, told), (second, told_of_others), (third, _) = pairs
    for name in ("discriminator/loss", "discriminator/fake_score", "generator/adversarial_loss"):
        np.testing.assert_allclose(told[name], told_of_others[name], rtol=1e-5)
    same = jax.tree.map(np.array_equal, *(s.ema["means"] for s in (first, second)))
    assert all(jax.tree.leaves(same))
    assert told["generator/ctc_loss"] != told_of_others["generator/ctc_loss"]
    assert not np.array_equal(*(s.ema["means"]["reading"]["generated"] for s in (second, third)))


def test_without_it_nothing_is_followed(small_run):
    state, metrics = small_run.step()(small_run.state, small_run.batch(), KEY)
    assert "means" not in state.ema
    assert "generator/feature_distance" not in metrics
