"""Where a run's metrics go: metrics.jsonl, TensorBoard, and pictures."""

import contextlib
import json
import logging
import pathlib
import sys
import threading
from collections.abc import Iterator

import numpy as np
from PIL import Image
from tensorboardX import SummaryWriter

from hwgan.runtime.files import read_regular, replace_image, replace_text

METRICS_FILE = "metrics.jsonl"
_MAX_BYTES = 2 * 10**9

logger = logging.getLogger(__name__)


class MetricWriter:
    """Writes metrics of a run; a resumed run continues from the step of its checkpoint.

    Lines of steps after `start_step` are of an interrupted try and are dropped: the steps are about to be run again.
    Failed writes, as on a full disk, are logged and do not end the run.
    """

    def __init__(self, workdir: str, start_step: int):
        self._directory = pathlib.Path(workdir)
        path = self._directory / METRICS_FILE
        lines = read_regular(path, _MAX_BYTES).decode(errors="replace").splitlines() if path.exists() else []
        kept = [line for line in lines if _step_of(line) <= start_step]
        replace_text(path, "".join(line + "\n" for line in kept))
        self._file = path.open("ab", buffering=0)  # a buffer that a full disk refuses is thrown away
        self._unwritten = b""
        others = set(threading.enumerate())
        # With a bounded queue, writes block for ever once a full disk has ended tensorboardX's thread.
        folder = str(self._directory / "tensorboard")
        self._tensorboard = SummaryWriter(folder, purge_step=start_step + 1, max_queue=0)
        self._tensorboard_threads = set(threading.enumerate()) - others
        self._in_trouble = False

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Appends scalars; what a full disk has no room for is kept and written with later ones."""
        self._unwritten += (json.dumps({"step": step, **metrics}) + "\n").encode()
        with self._log_disk_errors():
            while self._unwritten:
                self._unwritten = self._unwritten[self._file.write(self._unwritten) :]
        if self._has_tensorboard():
            for name, value in metrics.items():
                self._tensorboard.add_scalar(name, value, step)

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Saves a uint8 [h, w] image as `<name>-<step>.png` and as `<name>.png`, the newest."""
        with self._log_disk_errors():
            directory = self._directory / "samples"
            directory.mkdir(exist_ok=True)
            for path in (directory / f"{name}-{step:07d}.png", self._directory / f"{name}.png"):
                replace_image(path, Image.fromarray(image))
        if self._has_tensorboard():
            self._tensorboard.add_image(name, image[None], step)

    def close(self) -> None:
        """Flushes everything to disk."""
        self._file.close()
        if self._has_tensorboard():
            with self._log_disk_errors():
                self._tensorboard.close()

    @contextlib.contextmanager
    def _log_disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._in_trouble:
                logger.warning("metrics or pictures cannot be written: %s; training continues", error)
            self._in_trouble = True
        else:
            self._in_trouble = False

    def _has_tensorboard(self) -> bool:
        """Whether its thread lives, which a full disk ends."""
        alive = all(thread.is_alive() for thread in self._tensorboard_threads)
        if not alive and self._tensorboard_threads:
            logger.warning("TensorBoard files can no longer be written, those of %s end here", self._directory)
            self._tensorboard_threads = set()
        return bool(self._tensorboard_threads)


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):  # a line cut short by a crash
        return sys.maxsize
