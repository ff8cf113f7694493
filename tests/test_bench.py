"""Properties of the benchmark: counts, tables, flags, and PyTorch networks that compute what the flax ones compute."""

import dataclasses
import itertools
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import iam, smoke
from experiments.bench import breakdown, hlo, machine, run, table, training
from experiments.bench import workload as workloads
from experiments.bench.entries import Entry, Settings, run_entries
from experiments.bench.programs import caller, compile_program, network_arguments, network_functions, rate_fields
from experiments.bench.timing import Timing, interleave, measure, ratio_fields
from experiments.bench.versus_torch import compare
from hwgan.runtime.errors import UserError

SETTINGS = Settings(0.01, {}, {"matmul_float32": 100.0, "copy": 10.0})


def tiny_char_grid():
    """The smoke config with one stage in each network: little to compile."""
    config = smoke.get_config()
    config.model.discriminator.block_features = (4,)
    config.model.recognizer.update(conv_features=(4,), pools=((2, 2),))
    return config


def tiny_alonso():
    """configs/iam.py on a canvas of 16x32."""
    config = iam.get_config()
    config.train.batch_size = 4
    config.data.max_width, config.data.max_length, config.preprocessing.height = 32, 4, 16
    config.model.z_dim = 9
    config.model.language_model.update(embedding_features=4, features=4, num_layers=2)
    config.model.generator.update(block_features=(8, 4), first_shape=(4, 8), first_features=8, attention_after=1)
    config.model.discriminator.update(block_features=(4, 8), attention_after=1)
    config.model.recognizer.update(conv_features=(4, 4), pools=((2, 2), (2, 2)), lstm_features=4)
    return config


TINY = {"char_grid": tiny_char_grid, "alonso": tiny_alonso}


def perturbed_workload(name):
    """Tiny networks with perturbed weights, because gates of 0 and scales of 1 could hide errors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workloads, "load_config", lambda name: TINY[name]())
        fresh = workloads.load_workload(name)
    rng, states = np.random.default_rng(0), {}
    for network in fresh.network_names():
        state = getattr(fresh.state, network)
        params = jax.tree.map(lambda p: p + 0.2 * rng.normal(size=p.shape).astype(p.dtype), state.params)
        states[network] = state.replace(params=params)
    return dataclasses.replace(fresh, state=fresh.state.replace(**states))


@pytest.fixture(scope="module")
def workload():
    return perturbed_workload("char_grid")


def test_flops_and_bytes_of_a_matrix_product():
    a, b = jnp.ones((64, 96)), jnp.ones((96, 32))
    program = compile_program(jnp.matmul, a, b)
    assert program.gflop * 1e9 == pytest.approx(2 * 64 * 96 * 32)
    assert program.gbytes * 1e9 == pytest.approx(4 * (64 * 96 + 96 * 32 + 64 * 32))
    assert program.peak_MB * 1e6 >= 4 * (64 * 96 + 96 * 32 + 64 * 32)
    ceilings = {"matmul_float32": 1.0, "matmul_bfloat16": 4.0, "copy": 1.0}
    rates = {dtype: rate_fields(program, Timing((1e-3,)), ceilings, dtype) for dtype in ("float32", "bfloat16")}
    assert rates["float32"]["of_matmul"] == pytest.approx(2 * 64 * 96 * 32 / 1e-3 / 1e9)
    assert rates["bfloat16"]["of_matmul"] == pytest.approx(rates["float32"]["of_matmul"] / 4)
    np.testing.assert_array_equal(caller(program.compiled, a, b)(), 96 * np.ones((64, 32)))


def test_functions_are_timed_in_turns():
    order = []
    timings = interleave({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 0.0, pause=0.0)
    assert order == ["a", "b"] * 4  # one round that is not counted, then the minimum
    assert [len(timing.seconds) for timing in timings.values()] == [3, 3]
    assert len(measure(lambda: None, 0.0, min_repeats=5).seconds) == 5
    fields = ratio_fields(Timing((1.0, 2.0, 4.0)), Timing((2.0, 4.0, 12.0)))
    assert fields == {"ratio": 2.0, "ratio_low": 2.0, "ratio_high": 2.5}


def test_ceilings_are_plausible():
    ceilings = machine.measure_ceilings(0.01, size=128, megabytes=1)
    assert set(ceilings) == {"matmul_float32", "matmul_bfloat16", "copy"}
    assert all(math.isfinite(value) and value > 0 for value in ceilings.values())


def test_backward_gives_a_gradient_to_every_parameter(workload):
    for name in workload.network_names():
        arguments = network_arguments(workload, name)
        forward, backward = network_functions(workload, name)
        outputs = jax.eval_shape(lambda *given, forward=forward: jax.tree.leaves(forward(*given)), *arguments)
        assert all(output.shape[0] == workload.batch_size for output in outputs)
        gradients = jax.eval_shape(lambda *given, backward=backward: jax.tree.leaves(backward(*given)), *arguments)
        params = jax.tree.leaves(arguments[0])
        assert [x.shape for x in gradients[: len(params)]] == [x.shape for x in params]


PROGRAM = """
%fused (param_0: f32[2,8,8,4], param_1: f32[2,8,8,4]) -> f32[4,3,3,4] {
  %param_0 = f32[2,8,8,4]{3,2,1,0} parameter(0)
  %param_1 = f32[2,8,8,4]{3,2,1,0} parameter(1)
  ROOT %convolution.1 = f32[4,3,3,4]{3,2,1,0} convolution(%param_0, %param_1), window={size=8x8 pad=1_1x1_1}
}
%body (state: f32[2]) -> f32[2] {
  %state = f32[2]{0} parameter(0)
  ROOT %add.1 = f32[2]{0} add(%state, %state)
}
%condition (state.1: f32[2]) -> pred[] {
  %state.1 = f32[2]{0} parameter(0)
  ROOT %constant.1 = pred[] constant(true)
}
ENTRY %main (x: f32[2,8,8,4], y: f32[2]) -> f32[4,3,3,4] {
  %x = f32[2,8,8,4]{3,2,1,0} parameter(0)
  %y = f32[2]{0} parameter(1)
  %convolution.2 = f32[2,8,8,4]{3,2,1,0} convolution(%x, %x), window={size=3x3}, metadata={op_name="jit(s)/jvp(Gen)/conv"}
  %convolution.3 = f32[2,8,8,4]{3,2,1,0} convolution(%x, %x), window={size=3x3}, metadata={op_name="jit(s)/transpose(jvp(Dis))/conv"}
  %while.1 = f32[2]{0} while(%y), condition=%condition, body=%body
  ROOT %fusion.1 = f32[4,3,3,4]{3,2,1,0} fusion(%convolution.3, %x), kind=kCustom, calls=%fused
}
"""


def test_operations_are_classified():
    labels = hlo.classify(PROGRAM, {"Gen": "generator", "Dis": "discriminator"})
    assert labels["convolution.2"] == ("generator", "convolution, forward")
    assert labels["convolution.3"] == ("discriminator", "convolution, input gradient")
    assert labels["fusion.1"] == ("discriminator", "convolution, weight gradient")
    assert labels["add.1"][1] == "loops (LSTM, CTC)"
    assert {kind for _, kind in labels.values()} <= set(hlo.KINDS)


def test_time_of_nested_operations_counts_once():
    events = [(0.0, 10e9, "while"), (1e9, 3e9, "add"), (2e9, 1e9, ""), (5e9, 2e9, "add"), (20e9, 1e9, "dot")]
    assert breakdown.own_seconds(events) == {"while": 5.0, "add": 4.0, "dot": 1.0}
    rows = breakdown.share_rows({"add": 4.0, "dot": 1.0}, {"dot": ("generator", "matrix product")}, steps=2)
    assert rows[0] == {"name": "other: elementwise", "core_seconds": 2.0, "share": 0.8}
    assert sum(row["share"] for row in rows if row["name"].startswith("all networks")) == pytest.approx(1.0)


def test_a_trace_names_operations_of_the_program():
    matrix = jnp.ones((128, 128))
    program = compile_program(lambda x: jnp.tanh(x @ x).sum(), matrix)
    busy = breakdown.trace_operations(caller(program.compiled, matrix))
    labels = hlo.classify(program.compiled.as_text(), {})
    assert busy
    assert set(busy) <= set(labels)


def test_a_failed_entry_is_reported_and_the_others_are_measured():
    def fail():
        raise RuntimeError("no compiler\nand a long story")

    entries = [Entry("training", "smoke", "broken", fail), Entry("training", "smoke", "good", lambda: [{"name": "x"}])]
    lines = []
    rows = run_entries(entries, lines.append)
    assert rows[0] == {
        "part": "training", "config": "smoke", "name": "broken", "failed": "RuntimeError: no compiler",
    }  # fmt: skip
    assert rows[1]["name"] == "x"
    assert "s left" in lines[0]


def test_times_stand_alone_where_the_reference_fails():
    def fail():
        raise MemoryError("no room")

    failed, alone = sorted(compare("step", {"jax": fail, "torch": lambda: None}, 0.0, 4), key=lambda row: row["name"])
    assert failed == {"name": "step, jax", "failed": "MemoryError: no room"}
    assert alone["name"] == "step, torch" and alone["seconds"] >= 0 and "ratio" not in alone
    assert compare("step", {"jax": fail}, 0.0, 4) == [failed]


@pytest.mark.release
def test_the_share_of_a_step_is_that_of_its_own_type(monkeypatch):
    timed = []

    def rates(program, timing, ceilings, dtype):
        timed.append(dtype)
        return {}

    monkeypatch.setattr(training, "rate_fields", rates)
    training.measure_step("smoke", dataclasses.replace(SETTINGS, dtype="bfloat16"))
    assert timed == ["bfloat16"]


def test_the_table_has_every_row(tmp_path, monkeypatch, capsys):
    """The whole command, with synthetic measurements."""
    metrics = dict(seconds=0.5, low=0.4, high=0.6, repeats=3, ratio=2.0, ratio_low=1.5, ratio_high=2.5, share=0.25)
    entries = [
        Entry(part, "smoke", f"{part} entry", lambda part=part: [{"name": f"{part} {i}"} | metrics for i in range(2)])
        for part in reversed(run.PARTS)
    ]
    monkeypatch.setattr(run, "plan", lambda *_: entries)
    monkeypatch.setattr(run.machine, "measure_ceilings", lambda *_: SETTINGS.ceilings)
    assert run.main(["--output", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert text.strip() in capsys.readouterr().out
    assert [row["part"] for row in results["rows"]] == [part for part in run.PARTS for _ in range(2)]
    for row in results["rows"]:
        assert f"| {row['name']} |" in text
    assert "0.5 (0.4–0.6)" in text
    assert "2.00 (1.50–2.50)" in text
    assert results["machine"]["versions"]["jax"] in text
    assert table.render(results) == text


def test_the_plan_covers_parts_and_configs():
    every = run.plan({part: run.CONFIGS.get(part, ()) for part in run.PARTS}, SETTINGS)
    assert {entry.part for entry in every} == set(run.PARTS)
    assert {entry.config for entry in every if entry.part == "training"} == {"char_grid", "copiste", "iam"}
    order = [entry.config for entry in every]
    assert sum(a != b for a, b in itertools.pairwise(order)) == len(set(order)) - 1  # grouped by config
    assert {entry.part for entry in run.plan({"torch": ["char_grid"]}, SETTINGS)} == {"torch"}


@pytest.mark.parametrize("flags", [["--only=speed"], ["--batch_size=iam"], ["--configs=nothing"]])
def test_errors_name_the_wrong_flag(flags, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run.main(["--output", str(tmp_path), *flags])
    assert flags[0].split("=")[1] in capsys.readouterr().err


@pytest.mark.parametrize("name", TINY)
def test_torch_networks_equal_the_flax_ones(name):
    torch = pytest.importorskip("torch")
    from experiments.bench import torch_weights

    workload = perturbed_workload(name)
    modules = torch_weights.build(workload)
    differences = torch_weights.output_differences(workload, modules)
    assert differences.keys() == modules.keys()
    assert max(differences.values()) < 1e-4
    for network in ("discriminator", "recognizer"):
        module, inputs = torch_weights.network_calls(workload, modules)[network]
        loss = sum(part.square().mean() for part in module(*inputs) if part.is_floating_point() and part.numel())
        (found,) = torch.autograd.grad(loss, inputs[0])
        _, backward = network_functions(workload, network)
        expected = np.asarray(jax.jit(backward)(*network_arguments(workload, network))[1])[..., 0]
        np.testing.assert_allclose(found.numpy()[:, 0], expected, atol=1e-4 * np.abs(expected).max(), err_msg=network)


@pytest.mark.parametrize("name", TINY)
def test_the_torch_step_updates_every_network(name):
    pytest.importorskip("torch")
    from experiments.bench import torch_weights
    from experiments.bench.torch_step import TorchStep

    workload = perturbed_workload(name)
    modules = torch_weights.build(workload)
    has_variable_width = workload.networks.has_variable_width
    step = TorchStep(modules, workload.config, has_variable_width=has_variable_width, compiled=False)
    losses = step(torch_weights.batch_to_torch(workload))
    assert all(math.isfinite(float(loss)) for loss in losses.values())
    for network, module in modules.items():
        pairs = zip(module.parameters(), step.modules[network].parameters(), strict=True)
        assert any(bool((before != after).any()) for before, after in pairs), network


def test_the_error_names_what_is_not_ported(workload):
    pytest.importorskip("torch")
    from experiments.bench import torch_weights

    config = workload.config.copy_and_resolve_references()
    config.model.recognizer.name = "gated_crnn"
    with pytest.raises(UserError, match="recognizer 'gated_crnn'"):
        torch_weights.build(dataclasses.replace(workload, config=config))
    config = workload.config.copy_and_resolve_references()
    config.train.gradient_penalty = 0.3
    with pytest.raises(UserError, match="ignores gradient_penalty"):
        torch_weights.build(dataclasses.replace(workload, config=config))
