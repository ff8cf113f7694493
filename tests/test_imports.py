"""Imports run downward only."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent / "hwgan"
# What each part of hwgan may import of hwgan; a name stands for all below it.
ALLOWED = {
    "errors": (),
    "data": ("data", "errors"),
    "models": ("models", "errors"),
    "models.layers": (),
    "losses": ("models.layers",),
    "metrics": ("data",),
    "optimizers": (),
    "matching": ("losses", "models"),
    "train_state": ("matching", "models"),
    "writing": ("data.lexicon", "models", "train_state"),
    "augment": ("models.layers",),
    "update": ("train_state", "writing"),
    "update_readers": ("augment", "losses", "models", "train_state", "update", "writing"),
    "train_step": ("losses", "matching", "models", "train_state", "update", "update_readers", "writing"),
    "checkpoint": ("distributed", "errors", "train_state"),
    "sharding": ("errors",),
    "files": (),
    "writer": ("files",),
    "distributed": ("errors",),
    "preemption": (),
    "monitor": ("files", "run"),
    "run": ("checkpoint", "data", "models", "optimizers", "train_state"),
    "page": ("data",),
    "sampler": ("data", "errors", "models", "page", "run", "train_state", "writing"),
    "release": ("data", "errors", "judge", "models", "run", "sampler", "train_state"),
    "start": ("data", "errors", "release", "run", "sampler", "train_state"),
    "sample": ("data", "errors", "page", "release", "run", "sampler"),
    "generate": ("data", "errors", "sample", "sampler", "train_state"),
    "judge": ("data", "errors", "metrics", "models", "train_state", "writing"),
    "evaluation": ("data", "errors"),
    **{f"evaluation.{name}": () for name in ("intervals", "neighbors", "provenance", "table", "topology")},
    "evaluation.distances": ("evaluation.intervals",),
    "evaluation.coverage": ("evaluation.neighbors",),
    "evaluation.decoding": ("data", "errors", "metrics"),
    "evaluation.folder": ("data", "datasets", "errors"),
    "evaluation.features": ("data", "evaluation.inception", "judge"),
    "evaluation.reading": ("data", "judge", "metrics", "sampler"),
    "evaluation.assessment": ("data", "evaluation", "judge", "metrics"),
    "evaluation.compare": ("data", "errors", "evaluation", "judge", "sampler", "train_state"),
    "evaluate": ("data", "errors", "evaluation", "judge", "release", "run", "sample", "sampler"),
    "report": ("errors", "evaluation.table"),
    "train": (
        "checkpoint", "distributed", "errors", "files", "monitor", "preemption", "run", "train_state", "train_step", "trainer", "writer",
    ),
    "trainer": (
        "checkpoint", "data", "distributed", "errors", "evaluation.reading", "judge", "losses", "models", "page", "run", "sampler", "sharding", "start",
        "train_state", "train_step", "update",
    ),
    "datasets": ("data", "datasets", "errors", "files"),
    "prepare": ("data", "datasets", "errors"),
    "main": ("distributed", "errors", "evaluate", "preemption", "prepare", "train"),
}  # fmt: skip
ONLY_IN = {
    "orbax": {"checkpoint", "distributed"},
    "tensorflow_datasets": {"data.prepared", "datasets"},
    "ml_collections": {"main", "release", "run", "train"},
    "tensorboardX": {"writer"},
    "optax": {"losses", "optimizers", "train_state", "update"},
    "tensorflow": set(),
    "torch": set(),
    "experiments": set(),
    "configs": set(),
}
MODULES = sorted(ROOT.rglob("*.py"))


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names if node.module in ("hwgan", "hwgan.datasets", "hwgan.models") else [node.module]


def covers(parts, name):
    return any(name == part or name.startswith(part + ".") for part in parts)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_run_downward(path):
    name = module_name(path)
    if not name:
        return
    allowed = ALLOWED.get(name, ALLOWED[name.split(".")[0]])
    for other in imported(path):
        if other.startswith("hwgan."):
            assert covers(allowed, other.removeprefix("hwgan.")), f"{name} imports {other}"
        package = other.split(".")[0]
        if package in ONLY_IN:
            assert covers(ONLY_IN[package], name), f"{name} imports {package}"
        assert package != "__future__"


def test_nothing_is_left_out():
    assert {module_name(path).split(".")[0] for path in MODULES} - {""} <= set(ALLOWED)
