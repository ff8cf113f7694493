"""One page of HTML from several runs: results side by side, curves, sheets; in one file, with nothing to be fetched.

  python -m hwgan.report runs/a runs/b others/results.json --output=report.html

A run is a workdir, or a results.json of `hwgan.evaluate`.
"""

import base64
import dataclasses
import io
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import jinja2
import markupsafe
import matplotlib
import matplotlib.pyplot as plt
from absl import app, flags
from matplotlib.figure import Figure

from hwgan.errors import EXIT_CODE, UserError
from hwgan.evaluation.table import format_figure, preprocessing_revision

matplotlib.use("svg")  # no display is needed
matplotlib.rcParams["svg.hashsalt"] = "hwgan"  # the same page twice is the same file
_CURVES = (
    "evaluate/generated_cer",
    "evaluate/real_cer",
    "discriminator/loss",
    "generator/ctc_loss",
    "generator/hand_error",
    "recognizer/loss",
    "speed/images_per_second",
)
_FACTS = ("step", "dataset", "real", "split", "protocol", "seed", "commit")


@dataclasses.dataclass(frozen=True)
class Reported:
    """What is known of a run.

    Attributes:
      name: of its folder.
      results: of its evaluation; empty without one.
      metrics: rows of metrics.jsonl.
      config: of the run.
      sheet: its newest sample sheet, PNG in base64; "" without one.
    """

    name: str
    results: dict[str, Any]
    metrics: list[dict[str, Any]]
    config: dict[str, Any]
    sheet: str

    @classmethod
    def read(cls, source: str) -> "Reported":
        """Of a workdir or a results.json.

        Raises:
          UserError: it is neither, or a file of it cannot be read.
        """
        path = pathlib.Path(source)
        folder = path if path.is_dir() else path.parent
        results = path / "results.json" if path.is_dir() else path
        if not path.exists() or (path.is_dir() and not any((folder / f).exists() for f in _FILES)):
            raise UserError(f"{source!r} is no workdir of a run and no results.json")
        try:
            own = {name: (folder / name) for name in _FILES} if path.is_dir() else {}
            read = {name: file.read_text(encoding="utf-8") for name, file in own.items() if file.exists()}
            sheet = folder / "samples.png"
            found = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
            _tables_of("", found)  # raises what is malformed
            return cls(
                path.name if path.is_dir() else (path.stem if path.stem != "results" else folder.name),
                found,
                _rows(read.get("metrics.jsonl", "")),
                json.loads(read["config.json"]) if "config.json" in read else found.get("config", {}),
                base64.b64encode(sheet.read_bytes()).decode() if path.is_dir() and sheet.exists() else "",
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{source!r} cannot be read: {error}") from error


_FILES = ("metrics.jsonl", "config.json", "results.json")


def _rows(metrics: str) -> list[dict[str, Any]]:
    """Lines of metrics.jsonl but for one that a running or killed run has not finished."""
    lines = metrics.splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def write_report(runs: Sequence[Reported], title: str) -> str:
    """The page."""
    loader = jinja2.FileSystemLoader(pathlib.Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("report.html").render(
        title=title,
        runs=runs,
        facts=[(name, [run.results.get(name, "") for run in runs]) for name in _FACTS] + [_judges(runs)],
        differences=_differences([_flat(run.config) for run in runs]),
        networks=_networks(runs),
        tables=_tables(runs),
        curves=[markupsafe.Markup(svg) for svg in (_curve(runs, name) for name in _CURVES) if svg],
    )


def _judges(runs: Sequence[Reported]) -> tuple[str, list[str]]:
    """With the revision of the preprocessing: one judge that looks in two ways is two."""
    named = []
    for results in (run.results for run in runs):
        words = [str(results["judge"][key]) for key in ("name", "checksum") if key in results.get("judge", {})]
        named.append(" ".join([*words, f"({preprocessing_revision(results)})"] if words else []))
    return "judge", named


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in config.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _differences(configs: list[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    names = sorted(set().union(*configs))
    rows = [(name, [config.get(name, "") for config in configs]) for name in names]
    known = [number for number, config in enumerate(configs) if config]
    return [row for row in rows if any(row[1][number] != row[1][known[0]] for number in known)]


def _networks(runs: Sequence[Reported]) -> list[tuple[str, str, str]]:
    """Run, name and what is known of each feature network."""
    return [
        (run.name, name, " ".join(str(network.get(key, "")) for key in ("checksum", "preprocessing")))
        for run in runs
        for name, network in run.results.get("features", {}).items()
    ]


def _tables(runs: Sequence[Reported]) -> list[tuple[str, list[str], list[tuple[str, list[str]]]]]:
    """For each case: its name, the columns, and rows of a figure's name and cells."""
    found = [column for run in runs for column in _tables_of(run.name, run.results)]
    tables = []
    for case in dict.fromkeys(case for case, _, _ in found):
        columns = [(label, cells) for of_case, label, cells in found if of_case == case]
        names = dict.fromkeys(name for _, cells in columns for name in cells)
        rows = [(name, [cells.get(name, "") for _, cells in columns]) for name in names]
        tables.append((case, [label for label, _ in columns], rows))
    return tables


def _tables_of(name: str, results: dict[str, Any]) -> list[tuple[str, str, dict[str, str]]]:
    """(case, heading, cells by figure) of each column of a run, how many words it is of in the heading."""
    columns = []
    for case, sides in results.get("figures", {}).items():
        counts = results.get("counts", {}).get(case, {})
        for side, figures in sides.items():
            words = f" ({counts[side]:,} words)" if side in counts else ""
            cells = {figure: format_figure(figure, value) for figure, value in figures.items()}
            columns.append((case, f"{name}, {side}{words}", cells))
    return columns


def _curve(runs: Sequence[Reported], name: str) -> str:
    """An SVG of one metric of all runs over their steps; "" where none has it."""
    figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    assert isinstance(figure, Figure)
    for run in runs:
        points = [(row["step"], row[name]) for row in run.metrics if name in row]
        if points:
            # A dollar would begin a formula, an underscore hide the name.
            label = " " + run.name.replace("$", r"\$")
            axes.plot(*zip(*points, strict=True), label=label, linewidth=1.2)
    drawn = bool(axes.lines)
    if drawn:
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_xlabel("step")
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    stream = io.StringIO()
    if drawn:
        figure.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(figure)
    return stream.getvalue().partition("<svg")[1] + stream.getvalue().partition("<svg")[2]


def main(argv: list[str]) -> None:
    """Writes the report by the flags of the command line."""
    sources = argv[1:]
    output = pathlib.Path(flags.FLAGS.output)
    try:
        if not sources:
            raise UserError("name one run or several: python -m hwgan.report RUN ... --output=report.html")
        page = write_report([Reported.read(source) for source in sources], flags.FLAGS.title)
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(page, encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {str(output)!r}: {error.strerror or error}") from error
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_CODE)
    print(f"wrote {output}")


if __name__ == "__main__":
    flags.DEFINE_string("output", "report.html", "where to write")
    flags.DEFINE_string("title", "Runs of hwgan", "of the page")
    app.run(main)
