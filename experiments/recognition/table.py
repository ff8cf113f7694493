"""Prints the results of experiments.recognition.run: python -m experiments.recognition.table runs/recognition."""

import json
import pathlib
import sys
from collections import defaultdict

import numpy as np
from scipy import stats

NAMES = {
    "real": "real",
    "augmented": "real, augmented",
    "generated": "real and generated",
    "both": "real, augmented, and generated",
    "transducer": "real, a transducer in place of CTC",
    "transducer, by a beam search": "the same transducer by a beam search",
}


def interval(values: list[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval over seeds by Student's t; nan for one seed."""
    if len(values) < 2:
        return float(np.mean(values)), float("nan")
    half_width = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half_width)


def table(folder: pathlib.Path) -> str:
    """A Markdown table with a row for each share of real words and each arm."""
    rates: dict[tuple[float, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*/results.json")):
        arm, share, _ = path.parent.name.rsplit("_", 2)
        metrics = json.loads(path.read_text())["metrics"]["reading"]["real"]
        for prefix, kind in (("", arm), ("beam_", f"{arm}, by a beam search")):
            if f"{prefix}cer" in metrics:
                for name in ("cer", "wer"):
                    rates[float(share), kind][name].append(metrics[f"{prefix}{name}"]["value"])
    lines = ["| real words | training data | seeds | CER | WER |", "|---|---|---|---|---|"]
    order = list(NAMES)
    for (share, arm), found in sorted(rates.items(), key=lambda item: (-item[0][0], order.index(item[0][1]))):
        values = []
        for name in ("cer", "wer"):
            mean, half_width = interval(found[name])
            spread = f" ± {100 * half_width:.1f}" if np.isfinite(half_width) else ""
            values.append(f"{100 * mean:.1f}{spread} %")
        name = NAMES[arm] if share else "generated alone"
        lines.append(f"| {100 * share:g} % | {name} | {len(found['cer'])} | {' | '.join(values)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(pathlib.Path(sys.argv[1])))
