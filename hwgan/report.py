"""Compares runs on one self-contained HTML page: results, curves and sample grids.

  python -m hwgan.report runs/a runs/b others/results.json --output=report.html

A run is a workdir, or a results.json of `hwgan.evaluate`. Of runs that differ in their seed alone the tables also give
the mean with the standard deviation over seeds.
"""

import base64
import dataclasses
import io
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2
import markupsafe
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from absl import flags
from matplotlib.figure import Figure
from PIL import Image

from hwgan.evaluation.table import format_estimate, format_mean, preprocessing_revision, words_counted
from hwgan.runtime.command_line import run_main
from hwgan.runtime.config_file import flat_fields
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, open_regular, read_regular, replace_text, writing
from hwgan.runtime.untrusted import read_json_object, reading

matplotlib.use("svg")  # needs no display
matplotlib.rcParams["svg.hashsalt"] = "hwgan"  # equal input gives equal files
_CURVES = (
    "evaluate/generated_cer",
    "evaluate/real_cer",
    "discriminator/loss",
    "generator/ctc_loss",
    "generator/transducer_loss",
    "generator/style_error",
    "recognizer/loss",
    "evaluate/nats_per_point",
    "stroke_writer/loss",
    "speed/examples_per_second",
)
_FACTS = ("step", "dataset", "real", "train", "split", "generated", "protocol", "weights", "temperature", "style")
_FACTS += ("seed", "commit")
_OF_ONE_RUN = ("seed", "data.data_dir", "data.cache_dir")  # config fields in which runs of one system differ
_OF_ONE_EVALUATION = ("features", "preprocessing", "dataset", "content", "split", "protocol", "step")
_OF_ONE_EVALUATION += ("doubtful_words",)


@dataclasses.dataclass(frozen=True)
class RunReport:
    """The files of a run that a report uses.

    Attributes:
      name: name of its folder or results file.
      results: content of results.json; empty without an evaluation.
      metrics: rows of metrics.jsonl.
      config: config of the run; empty if unknown.
      sample_grid: newest sample grid, as a PNG in base64; "" without one.
    """

    name: str
    results: dict[str, Any]
    metrics: list[dict[str, Any]]
    config: dict[str, Any]
    sample_grid: str

    @classmethod
    def read(cls, source: str) -> "RunReport":
        """Reads a workdir or a results.json, which may be of unknown origin.

        Raises:
          UserError: `source` is neither, or one of its files cannot be read, is too large or malformed.
        """
        path = pathlib.Path(source)
        if path.is_dir():
            return cls._read_workdir(path, source)
        if not path.exists():
            raise UserError(f"{source!r} is no workdir of a run and no results.json: it does not exist")
        results = _read_results(path)
        name = path.stem if path.stem != "results" else path.resolve().parent.name
        return cls(name, results, [], results.get("config", {}), "")

    @classmethod
    def _read_workdir(cls, folder: pathlib.Path, source: str) -> "RunReport":
        there = {name: folder / name for name in _FILES if (folder / name).exists()}
        if not there:
            raise UserError(f"{source!r} is no workdir of a run and no results.json")
        for path in (*there.values(), folder / _SAMPLE_GRID):
            if path.exists() and not path.resolve().is_relative_to(folder.resolve()):
                raise UserError(f"{path} is a link that leads out of the run, so it is not shown in a page to share")
        results = _read_results(there["results.json"]) if "results.json" in there else {}
        config = read_json_object(there["config.json"]) if "config.json" in there else results.get("config", {})
        metrics = _rows(there["metrics.jsonl"]) if "metrics.jsonl" in there else []
        grid = _image_in_base64(folder / _SAMPLE_GRID) if (folder / _SAMPLE_GRID).exists() else ""
        return cls(folder.resolve().name, results, metrics, config, grid)


_FILES, _SAMPLE_GRID = ("metrics.jsonl", "config.json", "results.json"), "samples.png"
_MAX_METRICS_BYTES, _MAX_GRID_BYTES, _MAX_GRID_PIXELS = 500 * 10**6, 20 * 10**6, 50 * 10**6


def _read_results(path: pathlib.Path) -> dict[str, Any]:
    """The content of a results.json that can be shown."""
    results = read_json_object(path)
    with reading(f"the results {str(path)!r}"):
        as_objects = ("metrics", "counts", "evaluator", "features", "config", "preprocessing")
        for name in as_objects:
            if not isinstance(results.get(name, {}), dict):
                raise UserError(f"{str(path)!r} is malformed: its {name} is no object")
        _columns("", results)  # raises an exception if the metrics are malformed
        _real_counts(results)
        _networks([RunReport("", results, [], {}, "")])
        preprocessing_revision(results)
        flat_fields(results.get("config", {}))
    return results


def _rows(path: pathlib.Path) -> list[dict[str, Any]]:
    """Steps and curves of metrics.jsonl, without a last line that a running or killed run left incomplete."""
    rows = []
    with reading(f"the metrics {str(path)!r}"), open_regular(path, _MAX_METRICS_BYTES) as file:
        for line in file:
            if not line.endswith(b"\n"):
                continue
            row = json.loads(line)
            shown = {name: row[name] for name in ("step", *_CURVES) if name in row}
            rows.append({name: float(value) for name, value in shown.items()})
            rows[-1]["step"]  # every line has one
    return rows


def _image_in_base64(path: pathlib.Path) -> str:
    """A PNG of bounded size, after it was decoded, so that nothing but a picture gets into the page."""
    with reading(f"the sample grid {str(path)!r}"):
        content = read_regular(path, _MAX_GRID_BYTES)
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            if image.width * image.height > _MAX_GRID_PIXELS:
                raise UserError(f"{str(path)!r} has {image.width} x {image.height} pixels, more than any sample grid")
            stream = io.BytesIO()
            Image.fromarray(np.asarray(image.convert("L"))).save(stream, "PNG")  # without what else the file holds
    return base64.b64encode(stream.getvalue()).decode()


def write_report(runs: Sequence[RunReport], title: str) -> str:
    """Renders the HTML page."""
    loader = jinja2.FileSystemLoader(pathlib.Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("report.html").render(
        title=title,
        runs=runs,
        facts=[*_facts(runs), _evaluators(runs)],
        differences=_differences([flat_fields(run.config) for run in runs]),
        networks=_networks(runs),
        tables=_tables(runs),
        curves=[markupsafe.Markup(svg) for svg in (_curve(runs, name) for name in _CURVES) if svg],
    )


def _facts(runs: Sequence[RunReport]) -> list[tuple[str, list[Any]]]:
    """What each run was evaluated on and with; facts that none has are left out."""
    rows = [(name, [run.results.get(name, "") for run in runs]) for name in _FACTS]
    return [(name, cells) for name, cells in rows if any(cell != "" for cell in cells)]


def _evaluators(runs: Sequence[RunReport]) -> tuple[str, list[str]]:
    """The evaluator of each run with its preprocessing revision; metrics are comparable only if both are equal."""
    cells = []
    for results in (run.results for run in runs):
        parts = [str(results["evaluator"][key]) for key in ("name", "checksum") if key in results.get("evaluator", {})]
        cells.append(" ".join([*parts, f"({preprocessing_revision(results)})"] if parts else []))
    return "evaluator", cells


def _differences(configs: list[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Name and values of each config field that differs between the runs whose config is known."""
    names = sorted(set().union(*configs))
    rows = [(name, [config.get(name, "") for config in configs]) for name in names]
    with_config = [number for number, config in enumerate(configs) if config]
    return [row for row in rows if any(row[1][number] != row[1][with_config[0]] for number in with_config)]


def _networks(runs: Sequence[RunReport]) -> list[tuple[str, str, str]]:
    """(run, name, checksum and preprocessing) of each feature network."""
    return [
        (run.name, name, " ".join(str(network.get(key, "")) for key in ("checksum", "preprocessing")))
        for run in runs
        for name, network in run.results.get("features", {}).items()
    ]


def _tables(runs: Sequence[RunReport]) -> list[tuple[str, list[str], list[tuple[str, list[str]]]]]:
    """(case, headings of the columns, rows of (metric, cells)) of each case."""
    all_columns = [column for run in runs for column in _columns(run.name, run.results)]
    all_columns += [column for group in _repeats(runs) for column in _mean_columns(group)]
    tables = []
    for case in dict.fromkeys(case for case, _, _ in all_columns):
        columns = [(label, cells) for of_case, label, cells in all_columns if of_case == case]
        names = dict.fromkeys(name for _, cells in columns for name in cells)
        rows = [(name, [cells.get(name, "") for _, cells in columns]) for name in names]
        tables.append((case, [label for label, _ in columns], rows))
    return tables


def _columns(name: str, results: dict[str, Any]) -> list[tuple[str, str, dict[str, str]]]:
    """(case, heading with the number of words, cells by metric) of each column of a run."""
    columns = []
    for case, sides in results.get("metrics", {}).items():
        for side, metrics in sides.items():
            cells = {metric: format_estimate(metric, value) for metric, value in metrics.items()}
            columns.append((case, f"{name}, {side}{words_counted(results, case, side)}", cells))
    return columns


def _repeats(runs: Sequence[RunReport]) -> list[list[RunReport]]:
    """The evaluated runs of equal config but for the seed, of several seeds, evaluated alike."""
    groups: dict[str, list[RunReport]] = {}
    for run in runs:
        if run.config and run.results:
            fields = {name: value for name, value in flat_fields(run.config).items() if name not in _OF_ONE_RUN}
            evaluation = [run.results.get(name) for name in _OF_ONE_EVALUATION]
            evaluation.append(_real_counts(run.results))
            evaluator = run.results.get("evaluator", {})
            # A recognizer is evaluated as it was trained, so each run has its own.
            evaluation.append("own" if evaluator.get("name") == "own" else evaluator)
            groups.setdefault(json.dumps([fields, evaluation], sort_keys=True, default=str), []).append(run)
    return [group for group in groups.values() if len({str(run.config.get("seed")) for run in group}) == len(group) > 1]


def _real_counts(results: dict[str, Any]) -> dict[str, Any]:
    """How many real words each case has."""
    return {case: sides.get("real") for case, sides in results.get("counts", {}).items()}


def _mean_columns(group: Sequence[RunReport]) -> list[tuple[str, str, dict[str, str]]]:
    """As `_columns`, of the mean over runs; metrics that not all of them have are left out."""
    heading = f"mean ± standard deviation over {len(group)} seeds ({', '.join(run.name for run in group)})"
    first, *others = (run.results.get("metrics", {}) for run in group)
    columns = []
    for case, sides in first.items():
        for side, metrics in sides.items():
            cells = {}
            for metric, estimate in metrics.items():
                found = [estimate, *(other.get(case, {}).get(side, {}).get(metric) for other in others)]
                if all(found):
                    cells[metric] = format_mean(metric, [one["value"] for one in found])
            columns.append((case, f"{heading}, {side}", cells))
    return columns


def _curve(runs: Sequence[RunReport], name: str) -> str:
    """An SVG plot of a metric over the training steps of all runs; "" if no run has the metric."""
    figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    assert isinstance(figure, Figure)
    for run in runs:
        points = [(row["step"], row[name]) for row in run.metrics if name in row]
        if points:
            # matplotlib reads "$" as math mode, and hides labels that begin with "_".
            label = " " + run.name.replace("$", r"\$")
            axes.plot(*zip(*points, strict=True), label=label, linewidth=1.2)
    has_curves = bool(axes.lines)
    if has_curves:
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_xlabel("step")
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    stream = io.StringIO()
    if has_curves:
        figure.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(figure)
    return stream.getvalue().partition("<svg")[1] + stream.getvalue().partition("<svg")[2]


def main(argv: list[str]) -> None:
    """Writes the report by the flags of the command line."""
    sources = argv[1:]
    output = pathlib.Path(flags.FLAGS.output)
    if not sources:
        raise UserError("name one or several runs: python -m hwgan.report RUN ... --output=report.html")
    check_output_file("output", str(output))
    runs = [RunReport.read(source) for source in sources]
    with reading("these runs"):
        page = write_report(runs, flags.FLAGS.title)
    with writing(output):
        replace_text(output, page)
    print(f"wrote {output}")


if __name__ == "__main__":
    flags.DEFINE_string("output", "report.html", "HTML file to write")
    flags.DEFINE_string("title", "Runs of hwgan", "title of the page")
    run_main(main, positional=True)
