"""What could be done otherwise, each before and after in one process and in turns."""

import unittest.mock

import flax.linen
import jax
import numpy as np

from experiments.bench import adversarial
from experiments.bench.entries import Entry, Row, Settings
from experiments.bench.programs import (
    Program,
    caller,
    compile_program,
    network_arguments,
    network_functions,
    network_program,
    step_caller,
    step_program,
)
from experiments.bench.timing import Timing, interleave, ratio_fields
from experiments.bench.workload import Workload, load_config, load_workload
from hwgan.data.schedule import choose_buckets
from hwgan.run import image_spec

_EXPECTED_SECONDS = {"iam": 60.0}
TOLERANCE = 2e-3  # of gradients, relative; float32 sums in another order

WITHOUT_YNN = {"xla_cpu_experimental_ynn_fusion_type": ""}


def entries(config: str, settings: Settings) -> list[Entry]:
    """Precision, and passes through D and G that could be one."""
    weight = _EXPECTED_SECONDS.get(config, 20.0)
    return [
        Entry("variants", config, "bfloat16", lambda: measure_bfloat16(config, settings), 2 * weight),
        Entry("variants", config, "passes", lambda: measure_passes(config, settings), 2 * weight),
        Entry("variants", config, "compiler", lambda: measure_compiler(config, settings), 2 * weight),
    ]


def shape_entries(config: str, settings: Settings) -> list[Entry]:
    """Shapes of batches, where a config has more than one; to be run last, for each is a workload of its own."""
    count = load_config(config).data.num_buckets
    if count < 2:
        return []
    return [Entry("variants", config, "shapes", lambda: measure_buckets(config, settings), 20.0 * (count - 1))]


def compare(before: Timing, after: Timing) -> Row:
    """The fields of a row that says what a variant changes."""
    return {"before": before.median} | after.fields() | ratio_fields(before, after)


def measure_bfloat16(config: str, settings: Settings) -> list[Row]:
    """One row: the step computed in bfloat16 against float32; parameters are float32 in both."""
    size = settings.batch_sizes.get(config, 0)
    full, half = load_workload(config, size), load_workload(config, size, "bfloat16")
    program = step_program(half)
    calls = {
        "float32": step_caller(step_program(full).compiled, full),
        "bfloat16": step_caller(program.compiled, half),
    }
    timings = interleave(calls, settings.seconds)
    finite = all(bool(np.isfinite(value)) for value in calls["bfloat16"]().values())
    note = "losses finite" if finite else "losses NOT finite"
    return [
        {"name": "bfloat16 step", "note": note} | compare(timings["float32"], timings["bfloat16"]) | program.fields()
    ]


def measure_passes(config: str, settings: Settings) -> list[Row]:
    """A row for each form of the adversarial part but the present one, with its gradients checked first."""
    workload = load_workload(config, settings.batch_sizes.get(config, 0))
    if "batch_stats" in workload.state.discriminator.collections:
        return [{"name": "fused D", "note": "not measured: D has batch norm, which would mix real and fake"}]
    forms = {"present": (False, False), "fused D": (True, False), "shared G": (False, True)}
    style_weight = workload.step_config.style_weight
    arguments = (adversarial.converge_spectral_vectors(workload), workload.batch, workload.noise(1))
    programs, results = {}, {}
    for name, (fuse, share) in forms.items():
        part = adversarial.make_adversarial_part(workload.networks, style_weight, fuse=fuse, share=share)
        programs[name] = compile_program(part, *arguments, workload.noise(2))
        results[name] = programs[name].compiled(*arguments, workload.noise(1))  # one z for both, to be compared
    timings = interleave(
        {name: caller(program.compiled, *arguments, workload.noise(2)) for name, program in programs.items()},
        settings.seconds,
    )
    rows = []
    for name in list(forms)[1:]:
        row = {"name": f"{name}, adversarial part", "note": _sameness(results["present"], results[name])}
        rows.append(row | compare(timings["present"], timings[name]) | programs[name].fields())
    return rows


def max_pool_by_blocks(x: jax.Array, window_shape: tuple[int, int], strides=None, padding: str = "VALID") -> jax.Array:
    """`flax.linen.max_pool` where windows do not overlap: blocks of pixels become axes, and the largest is taken there.

    Raises:
      ValueError: windows overlap, or reach over the edge.
    """
    height, width = window_shape
    if tuple(strides or (1, 1)) != (height, width) or padding != "VALID":
        raise ValueError(f"windows of {window_shape} by steps of {strides}, padded {padding}")
    rows, columns = x.shape[1] // height, x.shape[2] // width
    x = x[:, : rows * height, : columns * width]  # what fills no window counts for nothing
    return x.reshape(x.shape[0], rows, height, columns, width, x.shape[3]).max(axis=(2, 4))


def measure_compiler(config: str, settings: Settings) -> list[Row]:
    """Rows of two ways to have the same step compiled otherwise, the recognizer's gradients checked for both.

    One takes `max_pool_by_blocks`, whose gradient is not the scatter that XLA makes of `flax.linen.max_pool` on a CPU;
    the other, on a CPU alone, does without YNN, the library that XLA hands convolutions to.
    """
    workload = load_workload(config, settings.batch_sizes.get(config, 0))
    arguments = network_arguments(workload, "recognizer")
    backward = network_functions(workload, "recognizer")[1]
    programs = {"present": (step_program(workload), network_program(workload, "recognizer", backward=True))}
    with unittest.mock.patch.object(flax.linen, "max_pool", max_pool_by_blocks):
        programs["max pool by blocks"] = _step_and_gradient(workload, backward, arguments, {})
    if jax.default_backend() == "cpu":
        programs["without YNN"] = _step_and_gradient(workload, backward, arguments, WITHOUT_YNN)
    timings = interleave(
        {name: step_caller(step.compiled, workload) for name, (step, _) in programs.items()}, settings.seconds
    )
    gradients = {name: program.compiled(*arguments) for name, (_, program) in programs.items()}
    rows = []
    for name in list(programs)[1:]:
        row = {"name": f"{name}, step", "note": _sameness(gradients["present"], gradients[name])}
        rows.append(row | compare(timings["present"], timings[name]) | programs[name][0].fields())
    return rows


def _step_and_gradient(workload: Workload, backward, arguments, options: dict[str, str]) -> tuple[Program, Program]:
    step_arguments = workload.state, workload.batch, jax.random.key(1)
    step = compile_program(workload.step_function(), *step_arguments, donate=(0,), options=options)
    return step, compile_program(lambda *given: backward(*given), *arguments, options=options)


def _sameness(expected, gradients) -> str:
    difference = adversarial.relative_difference(expected, gradients)
    return f"gradients {'the same' if difference < TOLERANCE else 'NOT the same'}: differ by {difference:.1e}"


def measure_buckets(config: str, settings: Settings) -> list[Row]:
    """One row: the mean step over shapes by width, against all words padded to the widest."""
    size = settings.batch_sizes.get(config, 0)
    widest = load_workload(config, size)
    widths = word_widths(widest)
    spec = image_spec(widest.config)
    buckets = choose_buckets(
        widths,
        widest.config.data.num_buckets,
        multiple=spec.pixels_per_character or 16,
        max_width=spec.max_width,
        smallest=1,
    )
    calls = {}
    for width in buckets:
        workload = widest if width == spec.max_width else load_workload(config, size, "", int(width))
        calls[width] = step_caller(step_program(workload).compiled, workload)
    edges = np.searchsorted(buckets, widths)
    weights = np.bincount(edges, minlength=len(buckets)) / len(widths)
    timings = interleave(calls, settings.seconds)
    rounds = np.array([timings[width].seconds for width in buckets])
    mean = Timing(tuple((weights[:, None] * rounds).sum(axis=0).tolist()))
    note = f"{', '.join(map(str, buckets))} pixels wide; words of 1 to {spec.max_length} characters as in running text"
    return [{"name": f"{len(buckets)} shapes", "note": note} | compare(timings[buckets[-1]], mean)]


def word_widths(workload: Workload) -> np.ndarray:
    """Widths of 1000 words, their lengths as often as in running text: a Poisson distribution of mean 4.7."""
    spec = image_spec(workload.config)
    lengths = np.clip(np.random.default_rng(0).poisson(4.7, 1000), max(spec.min_length, 1), spec.max_length)
    each = spec.pixels_per_character or spec.max_width / spec.max_length
    return np.minimum(np.ceil(lengths * each), spec.max_width).astype(np.int64)
