"""Trains recognizers on real words, with augmentation and with generated words; all runs of the experiment.

  python -m hwgan.generate --num_images=30000 --dataset=word_folder/copiste --output=generated
  python -m hwgan.prepare --dataset=word_folder --source=generated --name=generated
  python -m experiments.recognition.run --output=runs/recognition

Runs that have results are not repeated. All arms with the same share of real words are trained for equally many steps,
but for a transducer, which gets about the same time. CTC and transducer alone, on real words, which needs no others:

  python -m experiments.recognition.run --output=runs/recognition --arms=real,transducer --shares=1

Further flags are those of every run's config: --config.data.dataset=iam/words --config.data.alphabet= for IAM,
which needs an --output of its own.
"""

import argparse
import concurrent.futures
import os
import pathlib
import queue
import subprocess
import sys
import time

STEPS = {0.05: 1200, 0.25: 2400, 1.0: 3600}  # of 32 words, by share of the real words
ARMS = {
    "real": [],
    "augmented": ["--config.train.augment=True"],
    "generated": ["--config.data.generated_dataset=word_folder/generated"],
    "both": ["--config.data.generated_dataset=word_folder/generated", "--config.train.augment=True"],
    "transducer": ["--config.model.recognizer.name=transducer", "--config.evaluate.beam_width=4"],
}
SHARES = {"transducer": (1.0,)}  # of the real words; all of STEPS for other arms
TRANSDUCER_STEPS = 0.7  # for each step of CTC: 4.6 and 3.2 steps/s, each on one core of the same machine, side by side
SEEDS = (0, 1, 2)
# Fields that an evaluation takes from its own flags, and not from the run.
EVALUATED = ("--config.evaluate.", "--config.data.data_dir=", "--config.data.cache_dir=", "--config.seed=")


def plan() -> dict[str, list[str]]:
    """Flags of each run by its name, seed by seed."""
    runs = {}
    for seed in SEEDS:
        for share, steps in STEPS.items():
            for arm, settings in ARMS.items():
                if share not in SHARES.get(arm, STEPS):
                    continue
                length = round(TRANSDUCER_STEPS * steps) if arm == "transducer" else steps
                runs[f"{arm}_{share:g}_{seed}"] = [
                    f"--config.data.real_fraction={share}",
                    *_length(length, seed),
                    *settings,
                ]
        runs[f"generated_0_{seed}"] = [
            "--config.data.real_fraction=0.0",
            *ARMS["generated"],
            *_length(STEPS[1.0], seed),
        ]
    return runs


def _length(steps: int, seed: int) -> list[str]:
    return [
        f"--config.seed={seed}",
        f"--config.train.num_steps={steps}",
        f"--config.train.evaluate_every={steps // 3}",
    ]


class Failed(Exception):
    """A run did not give results; the message says why."""


def run(name: str, settings: list[str], output: pathlib.Path, core: int) -> str:
    """Trains and evaluates one recognizer; returns a message.

    Raises:
      Failed: it was begun with other settings, or does not give results.
    """
    workdir, made_by = output / name, output / name / "settings.txt"
    if workdir.exists() and (not made_by.exists() or made_by.read_text().split("\n") != settings):
        raise Failed(f"{name}: was begun with other settings; give another --output")
    if (workdir / "results.json").exists():
        return f"{name}: has results already"
    start = time.perf_counter()
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    pin = ["taskset", "-c", str(core)] if sys.platform == "linux" else []
    command = [*pin, sys.executable, "-m", "hwgan.main", "--config=configs/htr.py", f"--workdir={workdir}"]
    evaluate = ["--mode=evaluate", *(setting for setting in settings if setting.startswith(EVALUATED))]
    workdir.mkdir(parents=True, exist_ok=True)
    made_by.write_text("\n".join(settings))
    with (workdir / "log.txt").open("a") as log:
        for arguments in (settings, evaluate):
            if subprocess.run([*command, *arguments], env=environment, stdout=log, stderr=log, check=False).returncode:
                raise Failed(f"{name}: failed, see {workdir / 'log.txt'}")
    return f"{name}: {time.perf_counter() - start:.0f} s"


def main() -> None:
    """Runs the whole plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("runs/recognition"))
    parser.add_argument("--arms", default=",".join(ARMS), help=f"of {', '.join(ARMS)}; all by default")
    parser.add_argument("--shares", default="0,0.05,0.25,1", help="of the real words; all by default")
    parser.add_argument("--cores", default="0,1", help="CPU cores, one run at a time on each")
    args, settings = parser.parse_known_args()
    if wrong := [setting for setting in settings if not setting.startswith("--config.")]:
        parser.error(f"unknown: {' '.join(wrong)}")
    cores: queue.Queue[int] = queue.Queue()
    for core in map(int, args.cores.split(",")):
        cores.put(core)

    failures = []

    def next_run(item: tuple[str, list[str]]) -> str:
        core = cores.get()
        try:
            name, own_settings = item
            return run(name, own_settings + settings, args.output, core)
        except Failed as failure:
            failures.append(failure)
            return str(failure)
        finally:
            cores.put(core)

    arms = args.arms.split(",")
    if wrong := sorted(set(arms) - set(ARMS)):
        parser.error(f"--arms={wrong[0]}: there are {', '.join(ARMS)}")
    try:
        chosen = {(arm, f"{float(share):g}") for arm in arms for share in args.shares.split(",")}
    except ValueError:
        parser.error(f"--shares={args.shares}: give numbers with commas between")
    runs = {name: own for name, own in plan().items() if tuple(name.rsplit("_", 2)[:2]) in chosen}
    if not runs:
        parser.error(f"no run has these arms and shares; shares are 0 and {', '.join(map(str, STEPS))}")
    with concurrent.futures.ThreadPoolExecutor(cores.qsize()) as pool:
        for message in pool.map(next_run, runs.items()):
            print(message, flush=True)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
