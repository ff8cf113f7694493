import json

import numpy as np
from PIL import Image

from hwgan.runtime.metric_writer import MetricWriter


def steps(path):
    return [json.loads(line)["step"] for line in (path / "metrics.jsonl").read_text().splitlines()]


def test_resumed_run_drops_what_it_will_write_again(tmp_path):
    writer = MetricWriter(str(tmp_path), 0)
    for step in range(1, 6):
        writer.write(step, {"loss": 1.0 / step})
    writer.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')  # cut short by a crash
    MetricWriter(str(tmp_path), 3).close()
    assert steps(tmp_path) == [1, 2, 3]


def test_pictures_are_kept_by_step(tmp_path):
    writer = MetricWriter(str(tmp_path), 0)
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    writer.write_image(7, "samples", image)
    writer.close()
    for path in (tmp_path / "samples.png", tmp_path / "samples" / "samples-0000007.png"):
        with Image.open(path) as file:
            np.testing.assert_array_equal(np.asarray(file), image)
    assert list((tmp_path / "tensorboard").iterdir())
