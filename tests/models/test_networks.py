"""Properties of the networks: what their outputs depend on, and what they must not depend on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models.alonso_discriminator import AlonsoDiscriminator
from hwgan.models.alonso_generator import AlonsoGenerator
from hwgan.models.batch import WordFeatures
from hwgan.models.char_grid_generator import CharGridGenerator
from hwgan.models.column_discriminator import ColumnDiscriminator
from hwgan.models.language_model import LanguageModel, OneHotCharacters
from hwgan.models.layout import char_grid_layout, fixed_canvas_layout
from hwgan.models.recognizer import CRNN, ConvRecognizer, GatedCRNN
from hwgan.models.scrabblegan_generator import ScrabbleGANGenerator

KEYS = jax.random.split(jax.random.key(0), 6)
LABELS = jnp.array([[1, 2, 3, 0, 0, 0], [3, 1, 2, 3, 1, 2]])
LENGTHS = jnp.array([3, 6])
CANVAS = fixed_canvas_layout(LENGTHS, 6, 32)


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


def test_language_model_depends_on_the_order_of_characters(text):
    words = text(jnp.array([[1, 2, 3, 3, 3, 3], [2, 1, 3, 3, 3, 3]]), jnp.array([6, 6])).word
    assert float(jnp.abs(words[0] - words[1]).max()) > 1e-4


@pytest.fixture(scope="module", params=["char_grid", "scrabblegan"])
def variable_generator(text, request):
    generator = CharGridGenerator(block_features=(6, 4), cell_features=8, condition_features=5)
    if request.param == "scrabblegan":
        generator, characters = ScrabbleGANGenerator(block_features=(6, 4), cell_features=8), OneHotCharacters(4)
        text = lambda labels, lengths: characters.apply({}, labels, lengths)  # noqa: E731
    z = jax.random.normal(KEYS[2], (2, 6))
    variables = randomized(
        init(generator, KEYS[3], z, text(LABELS, LENGTHS), char_grid_layout(LABELS, LENGTHS, 16), train=True)
    )

    @jax.jit
    def draw(z, labels, lengths):
        layout = char_grid_layout(labels, lengths, 16)
        return generator.apply(variables, z, text(labels, lengths), layout, train=False)

    return draw, z


def test_generated_width_follows_text(variable_generator):
    draw, z = variable_generator
    images = draw(z, LABELS, LENGTHS)
    assert images.shape == (2, 32, 6 * 16, 1)
    assert bool((images[0, :, 3 * 16 :] == 1.0).all())
    assert float(jnp.abs(images).max()) <= 1.0
    np.testing.assert_allclose(draw(z[:1], LABELS[:1, :3], LENGTHS[:1])[0], images[0, :, : 3 * 16], atol=1e-5)


def test_text_and_style_change_the_image(variable_generator):
    draw, z = variable_generator
    image = draw(z, LABELS, LENGTHS)[1]
    assert float(jnp.abs(draw(z, LABELS.at[1, 0].set(1), LENGTHS)[1] - image).max()) > 1e-3
    assert float(jnp.abs(draw(z.at[1].add(1.0), LABELS, LENGTHS)[1] - image).max()) > 1e-3


@pytest.fixture(scope="module")
def alonso_generator(text):
    generator = AlonsoGenerator(block_features=(8, 8, 4), first_shape=(2, 4), first_features=8, attention_after=2)
    z = jax.random.normal(KEYS[2], (2, 16))
    variables = randomized(init(generator, KEYS[3], z, text(LABELS, LENGTHS), CANVAS, train=True))
    return generator, variables, z


def test_alonso_generator_depends_on_text_and_every_chunk_of_z(alonso_generator, text):
    generator, variables, z = alonso_generator
    draw = jax.jit(lambda z, labels: generator.apply(variables, z, text(labels, LENGTHS), CANVAS, train=False))
    images = draw(z, LABELS)
    assert images.shape == (2, 16, 32, 1)
    other_text = draw(z, LABELS.at[0, 0].set(3))
    assert float(jnp.abs(other_text[0] - images[0]).max()) > 1e-4
    for chunk in range(4):
        moved = z.at[:, 4 * chunk].add(1.0)
        assert float(jnp.abs(draw(moved, LABELS) - images).max()) > 1e-4


def test_conditional_norm_acts_per_channel_and_per_sample(alonso_generator, text):
    _, variables, _ = alonso_generator
    kernel = variables["params"]["block_0"]["norm_0"]["scale"]["Dense_0"]["kernel"]
    assert kernel.shape == (16 // 4 + 6, 8)  # (chunk of z and word vector) to one scale a channel


def test_batch_statistics_move_only_in_training(alonso_generator, text):
    generator, variables, z = alonso_generator
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


def test_column_discriminator_ignores_padding():
    module = ColumnDiscriminator(block_features=(4, 4, 4), predicted_z_dims=3)
    output = apply_randomized(module, IMAGES, WIDTHS)
    assert output.scores.shape == (2,)
    assert output.z_prediction.shape == (2, 3)
    dirty = apply_randomized(module, IMAGES.at[0, :, 48:].set(-1.0), WIDTHS)
    alone = apply_randomized(module, IMAGES[:1, :, :48], WIDTHS[:1])
    for other in (dirty, alone):
        np.testing.assert_allclose(other.scores[0], output.scores[0], atol=1e-5)
        np.testing.assert_allclose(other.z_prediction[0], output.z_prediction[0], atol=1e-5)


def test_feature_heads_depend_on_their_features_alone_and_not_on_padding():
    module = ColumnDiscriminator(block_features=(8, 8, 8), feature_head_dim=4)
    keys = jax.random.split(jax.random.key(0), 5)
    image, widths = jax.random.uniform(keys[0], (2, 32, 64, 1), minval=-1.0), jnp.array([64, 32])
    states, style = jax.random.normal(keys[1], (2, 8, 6)), jax.random.normal(keys[2], (2, 5))
    features = WordFeatures(states, jnp.array([8, 4]), style, jnp.zeros((2, 8, 3)))
    variables = init(module, keys[3], image, widths, features, train=True)
    apply = jax.jit(lambda image, features: module.apply(variables, image, widths, features, train=False))

    def scores(image=image, features=features):
        return apply(image, features).scores

    assert apply(image, features).heads == ("image", "recognizer", "style")
    assert scores().shape == (2, 3)
    others = features.replace(states=states.at[1, 4:].add(1.0))  # past the end of the second word
    np.testing.assert_array_equal(scores(features=others), scores())
    changed = scores(features=features.replace(states=states.at[1, 3].add(1.0))) != scores()
    np.testing.assert_array_equal(changed, [[False] * 3, [False, True, False]])
    changed = scores(features=features.replace(style_features=style.at[0].add(1.0))) != scores()
    np.testing.assert_array_equal(changed, [[False, False, True], [False] * 3])
    changed = scores(image=image.at[0, :, :20].add(0.5)) != scores()
    np.testing.assert_array_equal(changed, [[True, False, False], [False] * 3])


def test_without_identifier_there_is_no_style_head():
    module = ColumnDiscriminator(block_features=(8, 8, 8), feature_head_dim=4)
    features = WordFeatures(jnp.zeros((2, 8, 6)), jnp.array([8, 4]), jnp.zeros((2, 0)), jnp.zeros((2, 8, 3)))
    heads = []

    def scores():
        image, widths = jnp.zeros((2, 32, 64, 1)), jnp.array([64, 32])
        output, _ = module.init_with_output(KEYS[0], image, widths, features, train=True)
        heads.append(output.heads)
        return output.scores

    assert jax.eval_shape(scores).shape == (2, 2)
    assert heads == [("image", "recognizer")]


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_alonso_discriminator_switches(norm, spectral_norm):
    module = AlonsoDiscriminator(block_features=(4, 4, 4), attention_after=2, norm=norm, spectral_norm=spectral_norm)
    variables = jax.eval_shape(lambda: module.init(KEYS[0], IMAGES, WIDTHS, train=True))
    assert ("batch_stats" in variables) == (norm == "batch")
    assert ("spectral_stats" in variables) == spectral_norm
    scores = jax.eval_shape(lambda v: module.apply(v, IMAGES, WIDTHS, train=False).scores, variables)
    assert scores.shape == (2,)


def test_discriminator_norm_must_exist():
    with pytest.raises(ValueError, match="norm must be"):
        AlonsoDiscriminator(norm="layer")


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
