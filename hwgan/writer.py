"""Where a run's figures go: metrics.jsonl, TensorBoard, and pictures."""

import json
import pathlib
import sys

import numpy as np
from PIL import Image
from tensorboardX import SummaryWriter

METRICS_FILE = "metrics.jsonl"


class MetricWriter:
    """Writes metrics of a run; a resumed run goes on where its checkpoint stood.

    Lines of steps after `start_step` are of an interrupted try and are dropped: the steps are about to be run again.
    """

    def __init__(self, workdir: str, start_step: int):
        self._directory = pathlib.Path(workdir)
        path = self._directory / METRICS_FILE
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if _step_of(line) <= start_step]
        path.write_text("".join(line + "\n" for line in kept))
        self._file = path.open("a")
        self._tensorboard = SummaryWriter(str(self._directory / "tensorboard"), purge_step=start_step + 1)

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Appends scalars."""
        self._file.write(json.dumps({"step": step, **metrics}) + "\n")
        self._file.flush()
        for name, value in metrics.items():
            self._tensorboard.add_scalar(name, value, step)

    def write_image(self, step: int, name: str, image: np.ndarray) -> pathlib.Path:
        """Saves a uint8 [h, w] image as `<name>-<step>.png` and as `<name>.png`, the newest; returns the latter."""
        directory = self._directory / "samples"
        directory.mkdir(exist_ok=True)
        Image.fromarray(image).save(directory / f"{name}-{step:07d}.png")
        newest = self._directory / f"{name}.png"
        Image.fromarray(image).save(newest)
        self._tensorboard.add_image(name, image[None], step)
        return newest

    def close(self) -> None:
        """Flushes everything to disk."""
        self._file.close()
        self._tensorboard.close()


def _step_of(line: str) -> int:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError):  # a line cut short by a crash
        return sys.maxsize
