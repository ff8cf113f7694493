"""Real runs in processes of their own, for tests that kill them."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

COMMAND = [sys.executable, "-m", "hwgan.main", "--config=configs/smoke.py"]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(workdir, data_dir, *settings, processes=1, devices=1, profile=0) -> "list[Run]":
    """Starts a run of the smoke config; one process, or several that meet."""
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    together = []
    if processes > 1:
        port = free_port()
        together = [f"--coordinator=127.0.0.1:{port}", f"--num_processes={processes}"]
    arguments = [*COMMAND, f"--workdir={workdir}", f"--config.data.data_dir={data_dir}"]
    arguments += [f"--config.{setting}" for setting in settings] + together
    arguments += [f"--profile={profile}"] if profile else []
    return [Run([*arguments, *([f"--process_id={i}"] if together else [])], environment) for i in range(processes)]


class Run(subprocess.Popen):
    """A process whose output goes to a file: a pipe that nobody empties would stop it."""

    def __init__(self, arguments, environment):
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115, it is closed by `finish`
        super().__init__(arguments, env=environment, stdout=self._output, stderr=subprocess.STDOUT, text=True)

    def finish(self, timeout) -> tuple[int, str]:
        """Waits; exit code and output."""
        code = self.wait(timeout)
        with self._output as output:
            output.seek(0)
            return code, output.read()


def finish(run, timeout=240) -> list[tuple[int, str]]:
    """Waits for all processes; exit code and output of each."""
    return [process.finish(timeout) for process in run]


def metrics_of(workdir) -> list[dict]:
    """Lines of metrics.jsonl without what depends on the clock."""
    lines = (pathlib.Path(workdir) / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if not k.startswith("speed/")} for line in lines]
