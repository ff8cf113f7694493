"""A transducer as the recognizer of a run: trained, resumed, evaluated, exported; and as R of the GAN."""

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from hwgan.checkpoints.run import load_run
from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.evaluation.open import open_evaluator
from hwgan.evaluation.runs import evaluate
from hwgan.read import open_reader
from hwgan.runtime.errors import UserError
from hwgan.training.loop import train_and_evaluate
from hwgan.training.trainer import Trainer
from tests.conftest import SmallRun
from tests.processes import metrics_of
from tests.training.test_step import KEY, changed

TRANSDUCER = dict(
    name="transducer",
    stem=2,
    conv_features=(4, 4),
    pools=((2, 2), (2, 1)),
    lstm_features=8,
    lstm_layers=1,
    prediction_features=8,
)


def edit(config):
    config.model.recognizer = ConfigDict(TRANSDUCER)


@pytest.fixture(scope="module")
def run():
    return SmallRun(edit)


@pytest.mark.release
def test_a_run_is_trained_resumed_evaluated_and_exported(config, tmp_path):
    edit(config)
    config.train.updated_networks, config.train.recognizer_pretrain_steps = ("recognizer",), 0
    workdir = str(tmp_path / "run")
    config.train.num_steps = 3
    train_and_evaluate(config, workdir)
    config.train.num_steps = 6
    validation = train_and_evaluate(config, workdir)
    assert [row["step"] for row in metrics_of(workdir) if "recognizer/loss" in row] == [1, 2, 3, 4, 5, 6]
    assert 0 <= validation["evaluate/real_wer"] <= 1

    config.evaluate.split, config.evaluate.lexicon, config.evaluate.beam_width = "validation", True, 2
    rates = evaluate(config, workdir)["metrics"]["reading"]["real"]
    for decoding in ("", "lexicon_", "beam_"):
        assert rates[f"{decoding}cer"]["value"] >= 0
        assert 0 <= rates[f"{decoding}wer"]["value"] <= 1

    run = load_run(workdir)
    write_weights_file(run, str(tmp_path / "weights.npz"))
    evaluator = open_evaluator(str(tmp_path / "weights.npz"))
    assert evaluator.has_transducer
    with pytest.raises(UserError, match="is a transducer; words of unknown text are read by recognizers of CTC"):
        open_reader(str(tmp_path / "weights.npz"))
    jax.tree.map(np.testing.assert_array_equal, evaluator.recognizer, run.state.recognizer.variables)


def test_the_loss_falls(run):
    step, state, losses = run.step(updated_networks=("recognizer",)), run.state, []
    for _ in range(20):
        state, metrics = step(state, run.batch(), KEY)
        losses.append(float(metrics["recognizer/loss"]))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.release
def test_as_r_of_the_gan_its_gradient_reaches_the_generator(run):
    norms = {}
    for weight in (0.0, 1.0):
        step = run.step(updated_networks=("generator",), gradient_balancing="fogel", ctc_weight=weight)
        state, metrics = step(run.state, run.batch(), KEY)
        norms[weight] = float(metrics["generator/grad_norm"])
    assert not changed(run.state.recognizer, state.recognizer)
    assert norms[1.0] != pytest.approx(norms[0.0], rel=1e-3)
    assert metrics["generator/transducer_loss"] > 0
    assert metrics["generator/transducer_to_adversarial_gradient"] > 0
    assert "generator/ctc_loss" not in metrics


def test_what_needs_ctc_is_refused(config, tmp_path):
    edit(config)
    config.train.character_feature_matching = 1.0
    with pytest.raises(UserError, match="finds the frames of characters by CTC"):
        Trainer(config, str(tmp_path))
