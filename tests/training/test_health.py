"""Warnings of a run that is going wrong."""

import pytest

from hwgan.training.health import health_warnings
from hwgan.training.loop import RunningMeans

HEALTHY = {
    "discriminator/real_score": 0.6,
    "discriminator/fake_score": -0.5,
    "evaluate/real_cer": 0.1,
    "evaluate/style_std": 0.05,
}


def test_a_healthy_run_has_no_warnings():
    assert health_warnings(HEALTHY) == []
    assert health_warnings({}) == []


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        ("evaluate/style_std", 0.001, "mode collapse: "),
        ("discriminator/fake_score", 0.59, "weak discriminator: "),
        ("discriminator/fake_score", -5.0, "discriminator too strong: "),
        ("evaluate/real_cer", 0.9, "weak recognizer: "),
    ],
)
def test_each_fault_has_its_warning(name, value, warning):
    (found,) = health_warnings(HEALTHY | {name: value})
    assert found.startswith(warning)


def test_a_discriminator_without_loss_is_named():
    (found,) = health_warnings(HEALTHY | {"discriminator/fake_score": -5.0, "discriminator/loss": 0.0})
    assert "it learns no more" in found
    (found,) = health_warnings(HEALTHY | {"discriminator/fake_score": -5.0, "discriminator/loss": 0.1})
    assert "it learns no more" not in found
    recent = RunningMeans()
    for loss in (1.0, *[0.0] * 500):
        recent.add({"discriminator/fake_score": -5.0, "discriminator/loss": loss})
    (found,) = health_warnings(HEALTHY | recent.values)
    assert "it learns no more" in found


def test_running_means_forget_a_single_batch():
    """One batch in thirty has a margin below the bound, in a healthy run too."""
    recent = RunningMeans()
    for _ in range(100):
        recent.add({"margin": 0.4})
    recent.add({"margin": -0.1, "new": 3.0})
    assert recent.values == pytest.approx({"margin": 0.39, "new": 3.0})
    for _ in range(300):
        recent.add({"margin": 0.0})
    assert recent.values["margin"] < 0.01
