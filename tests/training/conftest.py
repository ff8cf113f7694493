"""A run that several files test, trained once."""

import pytest
from ml_collections import ConfigDict

from configs import smoke
from hwgan.training.loop import train_and_evaluate
from tests.sampling.conftest import style_encoder, style_run, style_sampler  # noqa: F401 (fixtures)


@pytest.fixture(scope="session")
def trained(data_dir, tmp_path_factory) -> tuple[ConfigDict, str, dict[str, float]]:
    """Config, workdir and last evaluation of a finished run of the smoke config, not to be changed."""
    config = smoke.get_config()
    config.data.data_dir = data_dir
    workdir = str(tmp_path_factory.mktemp("run"))
    return config, workdir, train_and_evaluate(config, workdir)
