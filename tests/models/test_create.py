"""From configs to networks: sizes, shapes, and mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import char_grid, copiste, copiste_alonso, few_words, htr, iam, iam_alonso, iam_small, smoke
from hwgan.checkpoints.run import build_networks, init_state
from hwgan.checkpoints.stroke_run import build_stroke_writer
from hwgan.data.charset import Charset
from hwgan.models.create import create_networks
from hwgan.models.language_model import TextFeatures
from hwgan.models.layout import fixed_canvas_layout
from hwgan.models.optimizers import create_optimizer
from hwgan.models.state import NETWORK_NAMES
from hwgan.models.stroke_state import create_stroke_state
from hwgan.runtime.config import STROKES, task_of
from hwgan.runtime.errors import UserError
from tests.conftest import CONFIGS

IAM_PARAMETERS = {
    "identifier": 0,
    "language_model": 405_504,
    "generator": 2_654_738,
    "discriminator": 2_789_668,
    "recognizer": 3_635_664,
}
# Without the scales and shifts of batch norm in D, 2 · 1,537 channels.
IAM_ALONSO_PARAMETERS = IAM_PARAMETERS | {"discriminator": 2_786_594, "recognizer": 2_851_424}
CHAR_GRID_PARAMETERS = {
    "language_model": 26_560,
    "generator": 307_044,
    "discriminator": 224_681,
    "recognizer": 103_899,
    "identifier": 0,
}


def abstract_state(config, num_characters):
    charset = Charset("".join(chr(48 + i) for i in range(num_characters)))
    networks, optimizers = build_networks(config, charset)
    return networks, jax.eval_shape(lambda key: init_state(key, networks, optimizers, config), jax.random.key(0))


def test_decay_steps_follow_the_number_of_steps():
    """Also where that is changed after the config was made, as on the command line; decay steps that are set stay."""
    config = copiste.get_config()
    config.train.num_steps, config.train.recognizer_pretrain_steps = 700, 100
    rates = config.optimizer
    assert (rates.generator.decay_steps, rates.discriminator.decay_steps) == (600, 600)
    assert (rates.recognizer.decay_steps, rates.identifier.decay_steps) == (700, 700)
    rates.generator.decay_steps, rates.recognizer.decay_steps = 50, 60
    decays = {name: fields["decay_steps"] for name, fields in config.to_dict()["optimizer"].items()}
    assert decays == {
        "language_model": 600, "generator": 50, "discriminator": 600, "recognizer": 60, "identifier": 700
    }  # fmt: skip
    assert config.train.num_steps == 700


def test_few_words_are_those_of_the_recognizers():
    """What decides which words are kept, and so which are the first 5 % of them, and how they look."""
    config, recognition = few_words.get_config(), htr.get_config()
    for name in ("min_length", "max_length", "max_width"):
        assert config.data[name] == recognition.data[name]
    assert config.preprocessing == recognition.preprocessing
    networks, _ = abstract_state(config, 78)  # which refuses images of another height than that
    assert networks.generator.first_height == 5


@pytest.mark.parametrize(
    ("config", "num_characters", "expected"),
    [(iam, 79, IAM_PARAMETERS), (iam_alonso, 79, IAM_ALONSO_PARAMETERS), (char_grid, 26, CHAR_GRID_PARAMETERS)],
)
def test_parameter_counts(config, num_characters, expected):
    _, state = abstract_state(config.get_config(), num_characters)
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(getattr(state, name).params)) for name in NETWORK_NAMES}
    assert counts == expected


@pytest.mark.parametrize("config", [iam, iam_small])
def test_the_word_vector_tells_texts_apart_as_z_tells_styles(config):
    """A deviation between words near that of z, which is 1; without the normalisation the generator hears only z."""
    labels = jnp.asarray(np.random.default_rng(0).integers(1, 79, (32, 7)), jnp.int32)
    networks, _ = abstract_state(config.get_config(), 79)

    def deviation(module) -> float:
        lengths = jnp.full((32,), 7)
        variables = module.init(jax.random.key(0), labels, lengths)
        return float(module.apply(variables, labels, lengths).word.std(axis=0).mean())

    assert 0.5 < deviation(networks.language_model) < 1.5
    assert deviation(networks.language_model.clone(normalize_word=False)) < 0.02


@pytest.mark.parametrize("config", [iam, iam_alonso])
def test_feature_map_shapes_of_alonso_et_al(config):
    """1x4 to 128x512, attention at 16x64 with 64 channels."""
    networks, state = abstract_state(config.get_config(), 79)

    def shapes(variables):
        labels, lengths = jnp.ones((2, 21), jnp.int32), jnp.full((2,), 21)
        layout = fixed_canvas_layout(lengths, 21, 512)
        text = networks.language_model.apply(variables["language_model"], labels, lengths)
        image, captured = networks.generator.apply(
            variables["generator"], jnp.zeros((2, 128)), text, layout, train=False, capture_intermediates=True
        )
        return text.word, image, captured["intermediates"]

    variables = {name: getattr(state, name).variables for name in ("language_model", "generator")}
    word, image, blocks = jax.eval_shape(shapes, variables)
    assert word.shape == (2, 128)
    assert image.shape == (2, 128, 512, 1)
    assert [blocks[f"block_{i}"]["__call__"][0].shape[1:] for i in range(7)] == [
        (2, 8, 256), (4, 16, 128), (8, 32, 128), (16, 64, 64), (32, 128, 32), (64, 256, 16), (128, 512, 16)
    ]  # fmt: skip
    assert blocks["attention"]["__call__"][0].shape[1:] == (16, 64, 64)


def test_small_canvas_has_all_chunks_of_noise():
    """Two blocks leave the size as it is: seven blocks and eight chunks on 32x128 pixels."""
    networks, state = abstract_state(iam_small.get_config(), 78)
    assert networks.generator.num_noise_chunks == 8
    text = TextFeatures(word=jnp.zeros((2, 128)), characters=jnp.zeros((2, 7, 1)))

    def shapes(variables):
        layout = fixed_canvas_layout(jnp.full((2,), 7), 7, 128)
        image, captured = networks.generator.apply(
            variables, jnp.zeros((2, 128)), text, layout, train=False, capture_intermediates=True
        )
        return image, captured["intermediates"]

    image, blocks = jax.eval_shape(shapes, state.generator.variables)
    assert image.shape == (2, 32, 128, 1)
    assert [blocks[f"block_{i}"]["__call__"][0].shape[1:3] for i in range(7)] == [
        (1, 4), (1, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 128)
    ]  # fmt: skip


@pytest.mark.parametrize("module", CONFIGS)
def test_every_config_builds(module):
    config = module.get_config()
    if task_of(config) == STROKES:
        network, optimizer = build_stroke_writer(config, Charset("abc"), [])
        state = jax.eval_shape(lambda key: create_stroke_state(network, optimizer, key), jax.random.key(0))
        assert int(state.step.size) == 1
        return
    networks, _ = build_networks(config, Charset("abc"))
    assert networks.has_variable_width == (module not in (iam, iam_alonso, iam_small, copiste_alonso))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "model.generator.name",
            "vae",
            r"model.generator.name='vae' does not exist; there are \['alonso', 'char_grid', 'char_width', 'scrabblegan'\]",
        ),
        ("model.language_model.name", "one_hot", "belong together"),
        ("preprocessing.height", 64, "the generator makes 16 pixels a character, 32 high"),
        ("model.recognizer.name", "crnn", r"model.recognizer \(CRNN\) has no fields \['dense_features'\]"),
        ("model.recognizer.norm", "none", 'model.recognizer: norm must be "batch" or "layer", got \'none\''),
        ("model.dtype", "bf16", r"model.dtype='bf16' must be one of \('float32', 'bfloat16'\)"),
        ("model.recognizer.conv_features", (64, 128), "differ in length: conv_features 2, pools 3"),
        ("model.recognizer.dense_features", 0, "model.recognizer.dense_features=0 must be at least 1"),
        ("model.recognizer.pools", ((2, 3), (2, 1), (2, 1)), "by a factor of 6, which must divide 16"),
        ("model.identifier", {"name": "writers"}, "model.identifier: .*'num_writers'"),
        ("model.discriminator.predicted_z_dims", 64, "predicted_z_dims=64 is more than model.z_dim"),
    ],
)
def test_config_mistakes_are_errors(path, value, message):
    config = smoke.get_config()
    config.update_from_flattened_dict({path: value})
    with pytest.raises(UserError, match=message):
        create_networks(config, 27)


def test_a_generator_that_widens_more_than_batches_are_rounded_is_refused():
    config = copiste.get_config()
    config.model.generator.update(block_features=(16, 16, 16, 8), first_height=2)
    with pytest.raises(UserError, match=r"model.generator changes the width of images by a factor of 32"):
        build_networks(config, Charset("abc"))


def test_the_rate_of_a_discriminator_falls_by_steps_of_the_run():
    """Optax counts updates, of which there are five a step."""
    config = char_grid.get_config()
    config.train.discriminator_steps_per_generator_step = 5
    config.optimizer.discriminator.update(learning_rate=1e-3, warmup_steps=0, decay_steps=100)
    _, optimizers = build_networks(config, Charset("abc"))
    params = jnp.zeros(1)
    sizes = {}
    state = optimizers.discriminator.init(params)
    for update in range(501):
        moved, state = optimizers.discriminator.update(jnp.ones(1), state, params)
        sizes[update] = float(-moved[0])
    assert sizes[100] > 8e-4 and sizes[250] == pytest.approx(5.5e-4, rel=0.02)
    assert sizes[500] == pytest.approx(1e-4, rel=0.01)


def test_the_rate_rises_over_the_warm_up_and_gradients_are_clipped_by_their_norm():
    config = char_grid.get_config().optimizer.generator
    config.update(learning_rate=1e-3, warmup_steps=10, decay_steps=0, clip_norm=0.0, b1=0.0, b2=0.0)
    rising, state = create_optimizer(config, updates_per_step=5), None
    params = jnp.zeros(2)
    state, sizes = rising.init(params), []
    for _ in range(60):
        moved, state = rising.update(jnp.ones(2), state, params)
        sizes.append(float(-moved[0]))  # without momentum Adam moves by the rate
    assert sizes[0] == 0.0 and sizes[25] == pytest.approx(5e-4, rel=0.01)
    assert sizes[50] == pytest.approx(1e-3, rel=0.01) and sizes[59] == pytest.approx(1e-3, rel=0.01)
    config.update(warmup_steps=0, clip_norm=5.0, b1=0.5, b2=0.999)
    clipped, plain = create_optimizer(config), optax.adam(1e-3, b1=0.5, b2=0.999, eps=1e-8)
    states = clipped.init(params), plain.init(params)
    for gradient in (jnp.array([60.0, 80.0]), jnp.array([0.3, -0.4])):
        by_hand = gradient * min(1.0, 5.0 / float(jnp.linalg.norm(gradient)))
        moved, first = clipped.update(gradient, states[0], params)
        expected, second = plain.update(by_hand, states[1], params)
        np.testing.assert_allclose(moved, expected, rtol=1e-5)
        states = first, second


def test_z_must_split_evenly():
    config = iam.get_config()
    config.model.z_dim = 100
    with pytest.raises(UserError, match="z_dim=100 cannot be split into 8"):
        create_networks(config, 80)
