"""Real runs in processes of their own, for tests that kill them."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

COMMAND = [sys.executable, "-m", "hwgan.main", "--config=configs/smoke.py"]
# Executes its first argument, then goes on as Python would with the others: -m MODULE ARGUMENTS.
PATCHED = """
import runpy, sys
exec(sys.argv[1])
sys.argv = sys.argv[3:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def command_output(module, *arguments, code=0) -> str:
    """What the command of an entry point prints; on stderr where it is to end with an error."""
    command = [sys.executable, "-m", f"hwgan.{module}", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path.cwd())}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(workdir, data_dir, *settings, processes=1, devices=1, profile=0, patches=None) -> "list[Run]":
    """Starts a run of the smoke config; one process, or several that connect.

    `patches` gives, by the number of a process, Python code that it executes first.
    """
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    together = []
    if processes > 1:
        port = free_port()
        together = [f"--coordinator=127.0.0.1:{port}", f"--num_processes={processes}"]
    arguments = [*COMMAND[1:], f"--workdir={workdir}", f"--config.data.data_dir={data_dir}"]
    arguments += [f"--config.{setting}" for setting in settings] + together
    arguments += [f"--profile={profile}"] if profile else []
    started = []
    for number in range(processes):
        python = [sys.executable] if number not in (patches or {}) else [sys.executable, "-c", PATCHED, patches[number]]
        one = [*python, *arguments, *([f"--process_id={number}"] if together else [])]
        started.append(Run(one, environment))
    return started


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
