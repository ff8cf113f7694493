"""The layers of the house: folders import downward only, and what is kept in one file stays in it."""

import ast
import pathlib
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parent.parent / "hwgan"
# From the top: a folder may import those after it.
LAYERS = (
    "entry points",
    "training",
    "evaluation",
    "exporting",
    "sampling",
    "checkpoints",
    "datasets",
    "data",
    "models",
    "runtime",
)
# Libraries that only some files may know.
ONLY_IN = {
    "orbax": {"checkpoints.orbax", "runtime.distributed"},
    "tensorflow_datasets": {"data.prepared", "datasets"},
    "ml_collections": {"main", "export", "checkpoints.stored_config"},
    "tensorboardX": {"runtime.metric_writer"},
    "onnx": {"exporting.graph"},
    "onnxruntime": {"exporting.onnx_check"},
    "optax": {"models.ctc", "models.optimizers", "models.state", "training.losses", "training.gradients"},
    "tensorflow": set(),
    "torch": set(),
    "experiments": set(),
    "configs": set(),
    "tests": set(),
}
MODULES = sorted(ROOT.rglob("*.py"))


def test_every_folder_is_installed():
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())
    folders = {".".join(path.parent.relative_to(ROOT.parent).parts) for path in MODULES}
    assert folders | {"hwgan.configs"} == set(settings["tool"]["setuptools"]["packages"])


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def layer_of(module):
    folder = module.split(".")[0]
    return LAYERS.index(folder) if folder in LAYERS else 0


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide layers"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_folder_is_a_layer():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders == set(LAYERS[1:])


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_run_downward(path):
    own = layer_of(module_name(path))
    for name in imports_of(path):
        if name.startswith("hwgan."):
            other = layer_of(name.removeprefix("hwgan."))
            assert other >= own, f"{module_name(path)} ({LAYERS[own]}) imports {name} ({LAYERS[other]})"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_libraries_are_known_to_few(path):
    module = module_name(path)
    for name in imports_of(path):
        allowed = ONLY_IN.get(name.split(".")[0])
        if allowed is not None:
            assert any(module == known or module.startswith(known + ".") for known in allowed), f"{module}: {name}"
