"""The results of experiments.recognition.run as a table: python -m experiments.recognition.table runs/recognition."""

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
}


def interval(values: list[float]) -> tuple[float, float]:
    """Mean, and the reach of its 95 % interval over seeds by Student's t; nan for one seed."""
    if len(values) < 2:
        return float(np.mean(values)), float("nan")
    reach = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(reach)


def table(folder: pathlib.Path) -> str:
    """A row for each share and arm."""
    rates: dict[tuple[float, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*/results.json")):
        arm, share, _ = path.parent.name.rsplit("_", 2)
        figures = json.loads(path.read_text())["figures"]["reading"]["real"]
        for name in ("cer", "wer"):
            rates[float(share), arm][name].append(figures[name]["value"])
    lines = ["| real words | learned from | seeds | CER | WER |", "|---|---|---|---|---|"]
    order = list(NAMES)
    for (share, arm), found in sorted(rates.items(), key=lambda item: (-item[0][0], order.index(item[0][1]))):
        cells = []
        for name in ("cer", "wer"):
            mean, reach = interval(found[name])
            cells.append(f"{100 * mean:.1f} ± {100 * reach:.1f} %" if np.isfinite(reach) else f"{100 * mean:.1f} %")
        name = NAMES[arm] if share else "generated alone"
        lines.append(f"| {100 * share:g} % | {name} | {len(found['cer'])} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(pathlib.Path(sys.argv[1])))
