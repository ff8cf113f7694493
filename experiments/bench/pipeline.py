"""What stands before and after the networks in use: reading training words, and drawing words from text."""

import itertools
import tempfile

import jax
import numpy as np

from experiments.bench.entries import Entry, Row, Settings
from experiments.bench.timing import measure
from experiments.bench.workload import load_config, load_workload
from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.data.lexicon import Lexicon
from hwgan.data.prepared import read_summary
from hwgan.data.word_store import load_words
from hwgan.prepare import prepare_dataset
from hwgan.run import image_spec
from hwgan.sampler import Sampler, ema_variables

_INPUT_BATCH, _BATCHES = 64, 50
_DATASET = "penman/smoke"
_LATENCY_CALLS = 200


def input_entries(settings: Settings) -> list[Entry]:
    """Reading, once: it knows nothing of networks."""
    return [Entry("input", "smoke", "read", lambda: measure_input(settings), 15.0)]


def sampling_entries(config: str, settings: Settings) -> list[Entry]:
    """Drawing words with a config's generator."""
    return [Entry("sampling", config, "draw", lambda: measure_sampling(config, settings), 20.0 + 2 * settings.seconds)]


def measure_input(settings: Settings) -> list[Row]:
    """One row: words a second through `train_batches`, from the cache of a small invented set made on the spot."""
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
    """Two rows: many words at once, and one alone; through `Sampler.draw`, which gives arrays cut to the words."""
    workload = load_workload(config, settings.batch_sizes.get(config, 0))
    variables = ema_variables(workload.state)
    sampler = Sampler(workload.networks, variables, workload.charset, image_spec(workload.config))
    words = made_up_words(workload.charset, sampler.spec.max_length, count=64)
    hands = jax.random.normal(jax.random.key(0), (len(words), workload.networks.z_dim))
    many = measure(lambda: sampler.draw(words, hands), settings.seconds)
    in_turn = itertools.cycle(range(len(words)))

    def draw_one():
        i = next(in_turn)
        return sampler.draw(words[i : i + 1], hands[i : i + 1])

    for _ in words:  # the first of each shape is compiled
        draw_one()
    one = measure(draw_one, settings.seconds, min_repeats=20)
    throughput = {"name": f"{len(words)} words at once", "batch_size": len(words)} | many.fields()
    latency = {"name": "one word", "batch_size": 1} | one.fields() | {"p95": float(np.quantile(one.seconds, 0.95))}
    return [
        throughput | {"words_per_s": len(words) / many.median},
        latency | {"words_per_s": 1 / one.median},
    ]


def made_up_words(charset: Charset, longest: int, count: int) -> list[str]:
    """Random letters of an alphabet, 1 to `longest` of them."""
    rng, letters = np.random.default_rng(0), list(charset.characters)
    return ["".join(rng.choice(letters, rng.integers(1, longest + 1))) for _ in range(count)]
