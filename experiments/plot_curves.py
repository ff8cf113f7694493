"""Draws the curves of a run: python experiments/plot_curves.py runs/demo/metrics.jsonl out.png (needs matplotlib)."""

import json
import pathlib
import sys

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

PANELS = {
    "reading (CTC, nats a word)": ("recognizer/loss", "generator/ctc_loss"),
    "hinge": ("discriminator/loss", "generator/adversarial_loss"),
    "discriminator's scores": ("discriminator/real_score", "discriminator/fake_score"),
    "error rates": ("evaluate/real_cer", "evaluate/generated_cer"),
    "means of features, generated from real": ("generator/feature_distance",),
    "hands (squared error of the noise; 1 knows nothing)": ("discriminator/style_error", "generator/hand_error"),
}
SMOOTHING = 0.8


def series(rows: list[dict], name: str) -> tuple[list[int], list[float]]:
    """Steps and values of a metric; training metrics are smoothed, evaluations are not."""
    points = [(row["step"], row[name]) for row in rows if name in row]
    values: list[float] = []
    for _, value in points:
        smooth = bool(values) and not name.startswith("evaluate/")
        values.append(SMOOTHING * values[-1] + (1 - SMOOTHING) * value if smooth else value)
    return [step for step, _ in points], values


def main(metrics: str, output: str) -> None:
    """Reads metrics.jsonl, writes a picture."""
    rows = [json.loads(line) for line in pathlib.Path(metrics).read_text().splitlines()]
    figure, axes = plt.subplots(1, len(PANELS), figsize=(4.2 * len(PANELS), 3), constrained_layout=True)
    for axis, (title, names) in zip(axes, PANELS.items(), strict=True):
        for name in names:
            axis.plot(*series(rows, name), label=name)
        axis.set(title=title, xlabel="step")
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    figure.savefig(output, dpi=80)


if __name__ == "__main__":
    main(*sys.argv[1:])
