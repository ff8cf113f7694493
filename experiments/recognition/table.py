"""Prints the results of experiments.recognition.run: python -m experiments.recognition.table runs/recognition."""

import argparse
import json
import pathlib
from collections import defaultdict

import numpy as np
from scipy import stats

from experiments.commands import run_command
from hwgan.runtime.errors import UserError

NAMES = {
    "real": "real",
    "augmented": "real, augmented",
    "generated": "real and generated",
    "both": "real, augmented, and generated",
    "transducer": "real, a transducer in place of CTC",
}
_BEAM = ", by a beam search"


def interval(values: list[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval over seeds by Student's t; nan for one seed."""
    if len(values) < 2:
        return float(np.mean(values)), float("nan")
    half_width = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half_width)


def table(folder: pathlib.Path) -> str:
    """A Markdown table with a row for each share of real words and each arm.

    Raises:
      UserError: the folder has no results of the experiment.
    """
    rates: dict[tuple[float, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*/results.json")):
        arm, *of_run = path.parent.name.rsplit("_", 2)
        if arm not in NAMES or len(of_run) != 2:
            continue
        share = of_run[0]
        metrics = json.loads(path.read_text())["metrics"]["reading"]["real"]
        for prefix, kind in (("", arm), ("beam_", arm + _BEAM)):
            if f"{prefix}cer" in metrics:
                for name in ("cer", "wer"):
                    rates[float(share), kind][name].append(metrics[f"{prefix}{name}"]["value"])
    lines = ["| real words | training data | seeds | CER | WER |", "|---|---|---|---|---|"]
    if not rates:
        raise UserError(f"no results of experiments.recognition.run in {str(folder)!r}")
    names = {kind: name for arm, name in NAMES.items() for kind, name in ((arm, name), (arm + _BEAM, name + _BEAM))}
    order = list(names)
    for (share, arm), found in sorted(rates.items(), key=lambda item: (-item[0][0], order.index(item[0][1]))):
        values = []
        for name in ("cer", "wer"):
            mean, half_width = interval(found[name])
            spread = f" ± {100 * half_width:.1f}" if np.isfinite(half_width) else ""
            values.append(f"{100 * mean:.1f}{spread} %")
        name = names[arm] if share else "generated alone"
        lines.append(f"| {100 * share:g} % | {name} | {len(found['cer'])} | {' | '.join(values)} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="the --output of experiments.recognition.run")
    print(table(parser.parse_args().folder))


if __name__ == "__main__":
    run_command(main)
