"""Properties of the four networks, and their sizes."""

import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import configs
from configs import cells, copiste, copiste_founding, iam, smoke
from hwgan.data.charset import Charset
from hwgan.errors import UserError
from hwgan.models import create_networks
from hwgan.models.discriminator import Discriminator, ReadersView, VariableWidthDiscriminator
from hwgan.models.generator import Generator
from hwgan.models.language_model import LanguageModel, Letters
from hwgan.models.layout import even_spans, whole_canvas
from hwgan.models.recognizer import CRNN, ConvRecognizer, GatedCRNN
from hwgan.models.variable_width import FilterBankGenerator, VariableWidthGenerator
from hwgan.run import build_networks, init_state
from hwgan.train_state import NETWORK_NAMES

KEYS = jax.random.split(jax.random.key(0), 6)
LABELS = jnp.array([[1, 2, 3, 0, 0, 0], [3, 1, 2, 3, 1, 2]])
LENGTHS = jnp.array([3, 6])
CANVAS = whole_canvas(LENGTHS, 6, 32)


def init(module, key, *inputs, **options):
    """Initial variables; jitted, for one compilation is faster than hundreds of small ones."""
    return jax.jit(lambda key, *inputs: module.init(key, *inputs, **options))(key, *inputs)


def randomized(variables, seed=0):
    """Variables away from their initial values, so that zero gates and unit scales hide nothing."""
    rng = np.random.default_rng(seed)
    moved = jax.tree.map(lambda x: x + 0.3 * rng.normal(size=x.shape).astype(x.dtype), variables["params"])
    return {**variables, "params": moved}


@pytest.fixture(scope="module")
def text():
    model = LanguageModel(num_labels=4, embedding_features=5, features=6, num_layers=2)
    variables = randomized(init(model, KEYS[0], LABELS, LENGTHS))
    return jax.jit(lambda labels, lengths: model.apply(variables, labels, lengths))


def test_language_model_ignores_padding(text):
    features = text(LABELS, LENGTHS)
    assert features.word.shape == (2, 6)
    assert features.characters.shape == (2, 6, 11)
    np.testing.assert_array_equal(features.characters[0, 3:], np.zeros((3, 11)))
    alone = text(LABELS[:1, :3], LENGTHS[:1])
    np.testing.assert_allclose(alone.word[0], features.word[0], atol=1e-6)
    np.testing.assert_allclose(alone.characters[0], features.characters[0, :3], atol=1e-6)
    dirty = text(LABELS.at[0, 3:].set(2), LENGTHS)
    np.testing.assert_allclose(dirty.word, features.word, atol=1e-6)


def test_language_model_knows_order_and_first_letter(text):
    words = text(jnp.array([[1, 2, 3, 3, 3, 3], [2, 1, 3, 3, 3, 3]]), jnp.array([6, 6])).word
    assert float(jnp.abs(words[0] - words[1]).max()) > 1e-4


@pytest.fixture(scope="module", params=["variable", "filter_bank"])
def variable_generator(text, request):
    generator = VariableWidthGenerator(block_features=(6, 4), cell_features=8, condition_features=5)
    if request.param == "filter_bank":
        generator, letters = FilterBankGenerator(block_features=(6, 4), cell_features=8), Letters(num_labels=4)
        text = lambda labels, lengths: letters.apply({}, labels, lengths)  # noqa: E731
    z = jax.random.normal(KEYS[2], (2, 6))
    variables = randomized(init(generator, KEYS[3], z, text(LABELS, LENGTHS), even_spans(LENGTHS, 6, 16), train=True))

    @jax.jit
    def draw(z, labels, lengths):
        layout = even_spans(lengths, labels.shape[1], 16)
        return generator.apply(variables, z, text(labels, lengths), layout, train=False)

    return draw, z


def test_variable_generator_width_follows_text(variable_generator):
    draw, z = variable_generator
    images = draw(z, LABELS, LENGTHS)
    assert images.shape == (2, 32, 6 * 16, 1)
    assert bool((images[0, :, 3 * 16 :] == 1.0).all())
    assert float(jnp.abs(images).max()) <= 1.0
    np.testing.assert_allclose(draw(z[:1], LABELS[:1, :3], LENGTHS[:1])[0], images[0, :, : 3 * 16], atol=1e-5)


def test_text_and_noise_change_the_image(variable_generator):
    draw, z = variable_generator
    image = draw(z, LABELS, LENGTHS)[1]
    assert float(jnp.abs(draw(z, LABELS.at[1, 0].set(1), LENGTHS)[1] - image).max()) > 1e-3
    assert float(jnp.abs(draw(z.at[1].add(1.0), LABELS, LENGTHS)[1] - image).max()) > 1e-3


@pytest.fixture(scope="module")
def fixed_generator(text):
    generator = Generator(block_features=(8, 8, 4), first_shape=(2, 4), first_features=8, attention_after=2)
    z = jax.random.normal(KEYS[2], (2, 16))
    variables = randomized(init(generator, KEYS[3], z, text(LABELS, LENGTHS), CANVAS, train=True))
    return generator, variables, z


def test_fixed_generator_shape_and_dependence(fixed_generator, text):
    generator, variables, z = fixed_generator
    draw = jax.jit(lambda z, labels: generator.apply(variables, z, text(labels, LENGTHS), CANVAS, train=False))
    images = draw(z, LABELS)
    assert images.shape == (2, 16, 32, 1)
    other_text = draw(z, LABELS.at[0, 0].set(3))
    assert float(jnp.abs(other_text[0] - images[0]).max()) > 1e-4
    for chunk in range(4):  # each chunk of the noise counts
        moved = z.at[:, 4 * chunk].add(1.0)
        assert float(jnp.abs(draw(moved, LABELS) - images).max()) > 1e-4


def test_conditional_norm_acts_per_channel_and_per_sample(fixed_generator, text):
    _, variables, _ = fixed_generator
    kernel = variables["params"]["block_0"]["norm_0"]["scale"]["Dense_0"]["kernel"]
    assert kernel.shape == (16 // 4 + 6, 8)  # (noise chunk and word vector) to one scale a channel


def test_batch_statistics_move_only_in_training(fixed_generator, text):
    generator, variables, z = fixed_generator
    arguments = (z, text(LABELS, LENGTHS), CANVAS)
    mutable = ["batch_stats", "spectral_stats"]
    _, moved = jax.jit(lambda *x: generator.apply(variables, *x, train=True, mutable=mutable))(*arguments)
    first = jax.tree.leaves(moved["batch_stats"])[0]
    assert not np.array_equal(first, jax.tree.leaves(variables["batch_stats"])[0])
    _, still = jax.jit(lambda *x: generator.apply(variables, *x, train=False, mutable=mutable))(*arguments)
    jax.tree.map(np.testing.assert_array_equal, still["batch_stats"], variables["batch_stats"])


IMAGES = jax.random.uniform(KEYS[5], (2, 32, 96, 1), minval=-1.0)
WIDTHS = jnp.array([48, 96])


def apply_randomized(module, images, widths):
    variables = randomized(init(module, KEYS[0], IMAGES, WIDTHS, train=True))
    return jax.jit(lambda v, *inputs: module.apply(v, *inputs, train=False))(variables, images, widths)


def test_variable_discriminator_ignores_padding():
    module = VariableWidthDiscriminator(block_features=(4, 4, 4), style_features=3)
    output = apply_randomized(module, IMAGES, WIDTHS)
    assert output.scores.shape == (2,)
    assert output.style.shape == (2, 3)
    dirty = apply_randomized(module, IMAGES.at[0, :, 48:].set(-1.0), WIDTHS)
    alone = apply_randomized(module, IMAGES[:1, :, :48], WIDTHS[:1])
    for other in (dirty, alone):
        np.testing.assert_allclose(other.scores[0], output.scores[0], atol=1e-5)
        np.testing.assert_allclose(other.style[0], output.style[0], atol=1e-5)


def test_heads_that_ask_the_readers_ignore_padding_and_the_ink():
    module = VariableWidthDiscriminator(block_features=(8, 8, 8), reader_features=4)
    keys = jax.random.split(jax.random.key(0), 5)
    image, widths = jax.random.uniform(keys[0], (2, 32, 64, 1), minval=-1.0), jnp.array([64, 32])
    states, hand = jax.random.normal(keys[1], (2, 8, 6)), jax.random.normal(keys[2], (2, 5))
    seen = ReadersView(states, jnp.array([8, 4]), hand, jnp.zeros((2, 8, 3)))
    variables = module.init(keys[3], image, widths, seen, train=True)

    def scores(image=image, seen=seen):
        return module.apply(variables, image, widths, seen, train=False).scores

    assert scores().shape == (2, 3)
    others = seen.replace(states=states.at[1, 4:].add(1.0))  # past the end of the second word
    np.testing.assert_array_equal(scores(seen=others), scores())
    changed = scores(seen=seen.replace(states=states.at[1, 3].add(1.0))) != scores()
    np.testing.assert_array_equal(changed, [[False] * 3, [False, True, False]])
    changed = scores(seen=seen.replace(hand=hand.at[0].add(1.0))) != scores()
    np.testing.assert_array_equal(changed, [[False, False, True], [False] * 3])
    changed = scores(image=image.at[0, :, :20].add(0.5)) != scores()
    np.testing.assert_array_equal(changed, [[True, False, False], [False] * 3])

    nobody = seen.replace(hand=jnp.zeros((2, 0)))  # a run without an identifier
    variables = module.init(keys[3], image, widths, nobody, train=True)
    output = module.apply(variables, image, widths, nobody, train=False)
    assert (output.scores.shape, output.heads) == ((2, 2), ("ink", "reading"))


def test_the_head_that_knows_the_text_scores_it_with_the_word():
    module = VariableWidthDiscriminator(block_features=(8, 8, 8), reader_features=4, text_features=6)
    keys = jax.random.split(jax.random.key(0), 5)
    image, widths = jax.random.uniform(keys[0], (2, 32, 64, 1), minval=-1.0), jnp.array([64, 32])
    states, hand = jax.random.normal(keys[1], (2, 8, 6)), jax.random.normal(keys[2], (2, 5))
    seen = ReadersView(states, jnp.array([8, 4]), hand, jnp.zeros((2, 8, 3)))
    text, lengths = jax.random.normal(keys[3], (2, 4, 3)), jnp.array([4, 2])
    variables = module.init(keys[4], image, widths, seen, text, lengths, train=True)

    def output(image=image, seen=seen, text=text):
        return module.apply(variables, image, widths, seen, text, lengths, train=False)

    assert output().heads == ("ink", "reading", "hand", "text")
    scores = output().scores
    changed = output(text=text.at[1, 1].add(1.0)).scores != scores
    np.testing.assert_array_equal(changed, [[False] * 4, [False] * 3 + [True]])
    changed = output(text=text.at[1, 2:].add(1.0)).scores != scores  # past its end
    assert not changed.any()
    changed = output(image=image.at[1, :, 32:].add(0.5), seen=seen.replace(states=seen.states.at[1, 4:].add(1.0)))
    np.testing.assert_array_equal(changed.scores, scores)
    others = output(image=image.at[0, :, :20].add(0.5)), output(seen=seen.replace(states=seen.states + 0.1))
    assert all((other.scores[0, 3] != scores[0, 3]).all() for other in others)


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_fixed_discriminator_switches(norm, spectral_norm):
    module = Discriminator(block_features=(4, 4, 4), attention_after=2, norm=norm, spectral_norm=spectral_norm)
    variables = jax.eval_shape(lambda: module.init(KEYS[0], IMAGES, WIDTHS, train=True))
    assert ("batch_stats" in variables) == (norm == "batch")
    assert ("spectral_stats" in variables) == spectral_norm
    scores = jax.eval_shape(lambda v: module.apply(v, IMAGES, WIDTHS, train=False).scores, variables)
    assert scores.shape == (2,)


def test_discriminator_norm_must_exist():
    with pytest.raises(ValueError, match="norm must be"):
        Discriminator(norm="layer")


def test_recognizer_norm_must_exist():
    with pytest.raises(ValueError, match="norm must be"):
        ConvRecognizer(5, norm="none")


RECOGNIZERS = {
    "conv": ConvRecognizer(num_labels=5, conv_features=(4, 4, 4), dense_features=6),
    "conv_columns": ConvRecognizer(5, conv_features=(4, 4, 4), dense_features=6, column_kernels=(5, 3), norm="batch"),
    "crnn": CRNN(num_labels=5, conv_features=(4, 4), pools=((2, 2), (2, 1)), lstm_features=3, lstm_layers=1),
    "crnn_stem": CRNN(5, conv_features=(4, 4), pools=((2, 1), (2, 1)), stem=2, lstm_features=3, lstm_layers=1),
    "gated_crnn": GatedCRNN(num_labels=5, conv_features=(4, 4, 4, 4, 4), lstm_features=3),
}


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_recognizers_ignore_padding(name):
    module = RECOGNIZERS[name]
    output = apply_randomized(module, IMAGES, WIDTHS)
    frames = int(output.lengths[0])
    assert output.logits.shape == (2, int(output.lengths[1]), 5)
    assert output.logits.dtype == jnp.float32
    assert frames == int(output.lengths[1]) // 2
    dirty = apply_randomized(module, IMAGES.at[0, :, 48:].set(-1.0), WIDTHS)
    alone = apply_randomized(module, IMAGES[:1, :, :48], WIDTHS[:1])
    np.testing.assert_allclose(dirty.logits[0, :frames], output.logits[0, :frames], atol=1e-5)
    np.testing.assert_allclose(alone.logits[0], output.logits[0, :frames], atol=1e-5)


IAM_PARAMETERS = {
    "identifier": 0,
    "language_model": 405_504,
    "generator": 2_654_738,
    "discriminator": 2_786_594,
    "recognizer": 10_052_624,
}
CELLS_PARAMETERS = {
    "language_model": 26_560,
    "generator": 307_044,
    "discriminator": 224_681,
    "recognizer": 103_899,
    "identifier": 0,
}


def abstract_state(config, letters):
    charset = Charset("".join(chr(48 + i) for i in range(letters)))
    networks, optimizers = build_networks(config, charset)
    return networks, jax.eval_shape(lambda key: init_state(key, networks, optimizers, config), jax.random.key(0))


def test_rates_fall_over_the_steps_that_a_run_has():
    """Also where their number is changed after the config was made, as on the command line; else as they are set."""
    config = copiste.get_config()
    config.train.num_steps, config.train.recognizer_first_steps = 700, 100
    rates = config.optimizer
    assert (rates.generator.decay_steps, rates.discriminator.decay_steps) == (600, 600)
    assert (rates.recognizer.decay_steps, rates.identifier.decay_steps) == (700, 700)
    rates.generator.decay_steps, rates.recognizer.decay_steps = 50, 60
    decays = {name: fields["decay_steps"] for name, fields in config.to_dict()["optimizer"].items()}
    assert decays == {
        "language_model": 600, "generator": 50, "discriminator": 600, "recognizer": 60, "identifier": 700
    }  # fmt: skip
    assert config.train.num_steps == 700


@pytest.mark.parametrize(("config", "letters", "expected"), [(iam, 79, IAM_PARAMETERS), (cells, 26, CELLS_PARAMETERS)])
def test_parameter_counts(config, letters, expected):
    _, state = abstract_state(config.get_config(), letters)
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(getattr(state, name).params)) for name in NETWORK_NAMES}
    assert counts == expected


def test_founding_shapes():
    """The founding paper's feature maps: 1x4 to 128x512, attention at 16x64 with 64 channels."""
    networks, state = abstract_state(iam.get_config(), 79)

    def shapes(variables):
        labels, lengths = jnp.ones((2, 21), jnp.int32), jnp.full((2,), 21)
        layout = whole_canvas(lengths, 21, 512)
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


CONFIGS = [
    importlib.import_module(f"configs.{found.name}")
    for found in pkgutil.iter_modules(configs.__path__)
    if found.name != "common"  # not a run of its own
]


@pytest.mark.parametrize("module", CONFIGS)
def test_every_config_builds(module):
    config = module.get_config()
    networks, _ = build_networks(config, Charset("abc"))
    assert networks.has_variable_width == (module not in (iam, copiste_founding))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "model.generator.name",
            "vae",
            r"model.generator.name='vae' does not exist; there are \['filter_bank', 'fixed', 'letters', 'variable'\]",
        ),
        ("model.language_model.name", "letters", "belong together"),
        ("preprocessing.height", 64, "the generator draws 16 pixels a character, 32 high"),
        ("model.recognizer.name", "crnn", r"model.recognizer 'crnn' has no fields \['dense_features'\]"),
        ("model.discriminator.text_features", 4, "model.discriminator: text_features=4 needs reader_features"),
        ("model.recognizer.norm", "none", 'model.recognizer: norm must be "batch" or "layer", got \'none\''),
    ],
)
def test_config_mistakes_are_named(path, value, message):
    config = smoke.get_config()
    config.update_from_flattened_dict({path: value})
    with pytest.raises(UserError, match=message):
        create_networks(config, 27)


def test_noise_must_split_evenly():
    config = iam.get_config()
    config.model.z_dim = 100
    with pytest.raises(UserError, match="z_dim=100 cannot be split into 8"):
        create_networks(config, 80)
