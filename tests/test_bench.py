import dataclasses
import itertools
import json
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import smoke
from experiments.bench import adversarial, breakdown, hlo, machine, run, table, variants
from experiments.bench import workload as workloads
from experiments.bench.entries import Entry, Settings, run_entries
from experiments.bench.programs import caller, compile_program, network_arguments, network_functions, rate_fields
from experiments.bench.timing import Timing, interleave, measure, ratio_fields
from hwgan.errors import UserError
from hwgan.train_step import make_train_step
from hwgan.update import StepConfig
from hwgan.writing import fake_layout, real_widths

SETTINGS = Settings(0.01, {}, {"matmul_float32": 100.0, "copy": 10.0})


def tiny_config():
    """The smoke config with one stage a network: little to compile."""
    config = smoke.get_config()
    config.model.discriminator.block_features = (4,)
    config.model.recognizer.update(conv_features=(4,), pools=((2, 2),))
    return config


@pytest.fixture(scope="module")
def workload():
    """Tiny networks, all weights moved, so that zero gates, unit scales and equal singular values hide nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workloads, "load_config", lambda name: {"tiny": tiny_config}[name]())
        fresh = workloads.load_workload("tiny")
    rng, states = np.random.default_rng(0), {}
    for name in fresh.network_names():
        state = getattr(fresh.state, name)
        params = jax.tree.map(lambda p: p + 0.2 * rng.normal(size=p.shape).astype(p.dtype), state.params)
        states[name] = state.replace(params=params)
    return dataclasses.replace(fresh, state=fresh.state.replace(**states))


def test_flops_of_a_matmul_are_counted_right():
    a, b = jnp.ones((64, 96)), jnp.ones((96, 32))
    program = compile_program(jnp.matmul, a, b)
    assert program.gflop * 1e9 == pytest.approx(2 * 64 * 96 * 32)
    assert program.gbytes * 1e9 == pytest.approx(4 * (64 * 96 + 96 * 32 + 64 * 32))
    assert program.peak_MB * 1e6 >= 4 * (64 * 96 + 96 * 32 + 64 * 32)
    rates = rate_fields(program, Timing((1e-3,)), {"matmul_float32": 1.0, "copy": 1.0})
    assert rates["of_matmul"] == pytest.approx(2 * 64 * 96 * 32 / 1e-3 / 1e9)
    np.testing.assert_array_equal(caller(program.compiled, a, b)(), 96 * np.ones((64, 32)))


def test_competitors_take_turns_within_their_time():
    order = []
    timings = interleave({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 0.0, pause=0.0)
    assert order == ["a", "b"] * 4  # one uncounted round, then the least that are counted
    assert [len(timing.seconds) for timing in timings.values()] == [3, 3]
    assert len(measure(lambda: None, 0.0, min_repeats=5).seconds) == 5
    fields = ratio_fields(Timing((1.0, 2.0, 4.0)), Timing((2.0, 4.0, 12.0)))
    assert fields == {"ratio": 2.0, "ratio_low": 2.0, "ratio_high": 2.5}


def test_ceilings_are_plausible():
    ceilings = machine.measure_ceilings(0.01, size=128, megabytes=1)
    assert set(ceilings) == {"matmul_float32", "matmul_bfloat16", "copy"}
    assert all(math.isfinite(value) and value > 0 for value in ceilings.values())


def draws_recorded(workload):
    """Networks that record what G is asked for, and D is shown, while a compiled step runs."""
    seen = {}

    class Spy:
        def __init__(self, module, names):
            self._module, self._names = module, names

        def apply(self, variables, *inputs, **options):
            result = self._module.apply(variables, *inputs, **options)
            kept = {name: value for name, value in zip(self._names, inputs, strict=False) if name}
            jax.debug.callback(lambda **values: seen.update(values), **kept)
            return result

        def __getattr__(self, name):
            return getattr(self._module, name)

    networks = dataclasses.replace(
        workload.networks,
        generator=Spy(workload.networks.generator, ("z",)),
        discriminator=Spy(workload.networks.discriminator, ("image", "widths")),
    )
    return networks, seen


def test_gradients_of_d_are_those_of_the_training_step_fused_or_not(workload):
    """The step's own gradient is read off an update by plain gradient descent of rate 1."""
    state = adversarial.converge_spectral_vectors(workload, num_steps=300)
    descent = optax.sgd(1.0)
    optimizers = dataclasses.replace(workload.optimizers, discriminator=descent)
    before = state.discriminator.replace(opt_state=descent.init(state.discriminator.params))
    networks, seen = draws_recorded(workload)
    config = StepConfig(updated_networks=("discriminator",), style_weight=workload.step_config.style_weight)
    step = jax.jit(make_train_step(networks, optimizers, config))
    after, _ = step(state.replace(discriminator=before), workload.batch, jax.random.key(1))
    jax.effects_barrier()
    expected = jax.tree.map(jnp.subtract, before.params, after.discriminator.params)

    z = jnp.asarray(seen["z"])
    draw = jax.jit(
        lambda: adversarial.draw(
            workload.networks, state.language_model.variables, state.generator.variables, workload.batch, z
        )[0]
    )
    fake = draw(), fake_layout(workload.networks, workload.batch | {"z": z}).widths
    real = workload.batch["image"], real_widths(workload.networks, workload.batch)
    for fuse in (False, True):
        gradients = jax.jit(
            lambda fuse=fuse: adversarial.discriminator_gradients(
                workload.networks.discriminator,
                before.params,
                before.collections,
                real,
                fake,
                z,
                style_weight=config.style_weight,
                fuse=fuse,
            )[0]
        )()
        assert adversarial.relative_difference(expected, gradients) < 1e-3, fuse


def test_one_drawing_for_both_updates_changes_no_gradient(workload):
    state, z = adversarial.converge_spectral_vectors(workload, num_steps=300), workload.noise(3)
    parts = [adversarial.make_adversarial_part(workload.networks, 1.0, fuse=both, share=both) for both in (False, True)]
    present, other = (jax.jit(part)(state, workload.batch, z, z) for part in parts)
    for ours, theirs in zip(present, other, strict=True):
        assert adversarial.relative_difference(ours, theirs) < 1e-3
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(present[1]["generator"]))


def test_max_pool_by_blocks_is_max_pool():
    image = jax.random.normal(jax.random.key(0), (2, 9, 12, 3))
    for window in ((2, 2), (2, 1), (1, 1)):
        pools = [lambda x, w=window, p=p: p(x, w, strides=w) for p in (nn.max_pool, variants.max_pool_by_blocks)]
        (ours, ours_back), (theirs, theirs_back) = (jax.vjp(pool, image) for pool in pools)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(ours_back(ours)[0], theirs_back(ours)[0])
    with pytest.raises(ValueError, match="windows of"):
        variants.max_pool_by_blocks(image, (3, 3), strides=(2, 2))


def test_batch_norm_is_not_fused(workload):
    nothing = (workload.batch["image"], real_widths(workload.networks, workload.batch))
    with pytest.raises(ValueError, match="batch norm"):
        adversarial.discriminator_gradients(
            None, {}, {"batch_stats": {}}, nothing, nothing, workload.noise(0), style_weight=0.0, fuse=True
        )


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


def test_operations_are_told_apart():
    labels = hlo.classify(PROGRAM, {"Gen": "generator", "Dis": "discriminator"})
    assert labels["convolution.2"] == ("generator", "convolution, forward")
    assert labels["convolution.3"] == ("discriminator", "convolution, input gradient")
    assert labels["fusion.1"] == ("discriminator", "convolution, weight gradient")
    assert labels["add.1"][1] == "loops (LSTM, CTC)"
    assert {kind for _, kind in labels.values()} <= set(hlo.KINDS)


def test_time_within_an_operation_is_not_counted_twice():
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


def test_what_fails_is_said_and_the_rest_measured():
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


def test_the_table_has_every_row(tmp_path, monkeypatch, capsys):
    """The whole command, with what it measures made up but for the smallest networks."""
    figures = dict(seconds=0.5, low=0.4, high=0.6, repeats=3, ratio=2.0, ratio_low=1.5, ratio_high=2.5, share=0.25)
    made_up = [
        Entry(part, "smoke", f"{part} entry", lambda part=part: [{"name": f"{part} {i}"} | figures for i in range(2)])
        for part in reversed(run.PARTS)
    ]
    monkeypatch.setattr(run, "plan", lambda *_: made_up)
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
    every = run.plan(list(run.PARTS), [], SETTINGS)
    assert {entry.part for entry in every} == set(run.PARTS)
    assert {entry.config for entry in every if entry.part == "training"} == {"cells", "copiste", "iam"}
    order = [entry.config for entry in every]
    assert sum(a != b for a, b in itertools.pairwise(order)) == len(set(order)) - 1  # each config in one go
    assert {entry.part for entry in run.plan(["torch"], ["cells"], SETTINGS)} == {"torch"}


@pytest.mark.parametrize("flags", [["--only=speed"], ["--batch_size=iam"], ["--configs=nothing"]])
def test_wrong_flags_are_explained(flags, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run.main(["--output", str(tmp_path), *flags])
    assert flags[0].split("=")[1] in capsys.readouterr().err


def test_torch_port_has_the_same_parameters_outputs_and_gradients(workload):
    torch = pytest.importorskip("torch")
    from experiments.bench import torch_weights

    modules = torch_weights.build(workload)
    differences = torch_weights.output_differences(workload, modules)
    assert differences.keys() == modules.keys()
    assert max(differences.values()) < 1e-4
    for name in ("discriminator", "recognizer"):
        module, inputs = torch_weights.network_calls(workload, modules)[name]
        loss = sum(part.square().mean() for part in module(*inputs) if part.is_floating_point())
        (theirs,) = torch.autograd.grad(loss, inputs[0])
        _, backward = network_functions(workload, name)
        ours = jax.jit(backward)(*network_arguments(workload, name))[1]
        np.testing.assert_allclose(
            np.asarray(ours)[..., 0], theirs.numpy()[:, 0], atol=1e-4 * float(jnp.abs(ours).max()), err_msg=name
        )


def test_torch_step_moves_every_network(workload):
    pytest.importorskip("torch")
    from experiments.bench import torch_weights
    from experiments.bench.torch_step import TorchStep

    modules = torch_weights.build(workload)
    step = TorchStep(modules, workload.config, has_variable_width=True, compiled=False)
    losses = step(torch_weights.batch_to_torch(workload))
    assert all(math.isfinite(float(loss)) for loss in losses.values())
    for name, module in modules.items():
        pairs = zip(module.parameters(), step.modules[name].parameters(), strict=True)
        assert any(bool((before != after).any()) for before, after in pairs), name


def test_a_network_without_a_port_is_named(workload):
    pytest.importorskip("torch")
    from experiments.bench import torch_weights

    config = workload.config.copy_and_resolve_references()
    config.model.recognizer.name = "gated_crnn"
    with pytest.raises(UserError, match="recognizer 'gated_crnn'"):
        torch_weights.build(dataclasses.replace(workload, config=config))
