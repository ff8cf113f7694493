"""Input and sampling: words per second through the input pipeline, and through the sampler."""

import itertools
import tempfile

import jax
import numpy as np

from experiments.bench.entries import Entry, Row, Settings
from experiments.bench.timing import measure
from experiments.bench.workload import load_config, workload_of
from hwgan.checkpoints.run import image_spec
from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.data.lexicon import Lexicon
from hwgan.data.prepared import read_summary
from hwgan.data.word_store import load_words
from hwgan.prepare import prepare_dataset
from hwgan.sampling.sampler import Sampler

_INPUT_BATCH, _BATCHES = 64, 50
_DATASET = "penman/smoke"


def input_entries(settings: Settings) -> list[Entry]:
    """One entry; the input pipeline does not depend on networks."""
    return [Entry("input", "smoke", "read", lambda: measure_input(settings), 15.0)]


def sampling_entries(config: str, settings: Settings) -> list[Entry]:
    """One entry: sampling with the generator of a config."""
    return [Entry("sampling", config, "draw", lambda: measure_sampling(config, settings), 20.0 + 2 * settings.seconds)]


def measure_input(settings: Settings) -> list[Row]:
    """One row: words per second through `train_batches`, from the cache of a small synthetic dataset."""
    config = load_config("smoke")
    spec = image_spec(config)
    with tempfile.TemporaryDirectory() as folder:
        prepare_dataset(_DATASET, folder)
        charset = Charset(read_summary(folder, _DATASET)["alphabet"])
        words = load_words(folder, _DATASET, "train", charset, spec)
        schedule = create_schedule(words, batch_size=_INPUT_BATCH, num_buckets=1, seed=0)
        stream = train_batches(words, Lexicon.from_words(words.texts, charset, spec), schedule, seed=0)

        def read():
            for _ in range(_BATCHES):
                next(stream)

        timing = measure(read, settings.seconds)
    each = {name: value / _BATCHES for name, value in timing.fields().items() if name != "repeats"}
    row = {"name": f"{_DATASET}, {_INPUT_BATCH} of {spec.height}x{spec.max_width}", "batch_size": _INPUT_BATCH}
    return [row | each | {"repeats": len(timing.seconds), "words_per_s": _INPUT_BATCH / each["seconds"]}]


def measure_sampling(config: str, settings: Settings) -> list[Row]:
    """Two rows: many words at once, and single words, by `Sampler.draw`."""
    workload = workload_of(config, settings)
    spec = image_spec(workload.config)
    sampler = Sampler(workload.networks, workload.state.ema_variables, workload.charset, spec)
    words = random_words(workload.charset, spec.max_length, count=64)
    styles = sampler.sample_styles(jax.random.key(0), len(words))
    many = measure(lambda: sampler.draw(words, styles), settings.seconds)
    in_turn = itertools.cycle(range(len(words)))

    def draw_one():
        i = next(in_turn)
        return sampler.draw(words[i : i + 1], styles[i : i + 1])

    for _ in words:  # compiles each shape
        draw_one()
    one = measure(draw_one, settings.seconds, min_repeats=20)
    throughput = {"name": f"{len(words)} words at once", "batch_size": len(words)} | many.fields()
    latency = {"name": "one word", "batch_size": 1} | one.fields() | {"p95": float(np.quantile(one.seconds, 0.95))}
    return [
        throughput | {"words_per_s": len(words) / many.median},
        latency | {"words_per_s": 1 / one.median},
    ]


def random_words(charset: Charset, longest: int, count: int) -> list[str]:
    """Words of 1 to `longest` random characters of an alphabet."""
    rng, characters = np.random.default_rng(0), list(charset.characters)
    return ["".join(rng.choice(characters, rng.integers(1, longest + 1))) for _ in range(count)]
