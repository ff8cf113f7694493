"""Finds config files, those of the package by their names, and describes the fields of a config."""

import ast
import importlib
import io
import pathlib
import runpy
import sys
import textwrap
import tokenize
import types
from collections.abc import Iterator
from typing import Any

from hwgan.runtime.errors import UserError

CONFIG_FLAG = "config"
_PACKAGE = pathlib.Path(__file__).parents[1]
_FOLDERS = (_PACKAGE.parent / "configs", _PACKAGE / "configs")  # of a clone, and of an installation
_COMMON = "common"
_STROKES_COMMON = "strokes_common"


def configs_folder() -> pathlib.Path:
    """The folder of the configs that come with the package."""
    return next(folder for folder in _FOLDERS if (folder / f"{_COMMON}.py").is_file())


def shipped_config(name: str) -> str:
    """The path of a config of the package, whose imports from `configs` work wherever the process was started."""
    _make_importable()
    return str(configs_folder() / f"{name}.py")


def find_config(argv: list[str]) -> tuple[list[str], str]:
    """Replaces the name of a config in arguments by the path of its file.

    `--config=iam` and `--config=configs/iam.py` are the package's config where there is no such file in the current
    folder. Config files may import others from `configs`, wherever the process was started.

    Args:
      argv: of the process.

    Returns:
      The arguments with the path, and the path; "" if no config is named.

    Raises:
      UserError: there is neither such a file nor such a config.
    """
    _make_importable()
    found = list(argv)
    for number, argument in enumerate(argv):
        for flag in (f"--{CONFIG_FLAG}", f"-{CONFIG_FLAG}"):
            if argument == flag and number + 1 < len(argv):
                found[number + 1] = path = _path_of(argv[number + 1])
                return found, path
            if argument.startswith(f"{flag}="):
                path = _path_of(argument.partition("=")[2])
                found[number] = f"{flag}={path}"
                return found, path
    return found, ""


def _path_of(name: str) -> str:
    if pathlib.Path(name).is_file():
        return name
    folder = configs_folder()
    stem = pathlib.PurePath(name).name.removesuffix(".py")
    is_ours = pathlib.PurePath(name).parent in (pathlib.PurePath(), pathlib.PurePath("configs"))
    if is_ours and (folder / f"{stem}.py").is_file():
        return str(folder / f"{stem}.py")
    there = sorted(path.stem for path in folder.glob("*.py") if not path.stem.endswith((_COMMON, "__init__")))
    raise UserError(f"--config={name}: there is no such file, and no config of that name; there are {', '.join(there)}")


def _make_importable() -> None:
    """Makes `from configs import ...` mean the package's configs, unless the current folder has its own."""
    try:
        importlib.import_module(f"configs.{_COMMON}")
    except ImportError:
        package = types.ModuleType("configs")
        package.__path__ = [str(configs_folder())]
        sys.modules["configs"] = package


def common_of(config_path: str) -> str:
    """The module in `configs` that lists the fields of a config file: of strokes, or of word images."""
    _make_importable()
    config = runpy.run_path(config_path)["get_config"]() if config_path else {}
    return _STROKES_COMMON if config.get("task") == "strokes" else _COMMON


def describe_fields(common: str = _COMMON) -> str:
    """A line for each field of `configs/COMMON.py`: its path, its default, and its comment."""
    _make_importable()
    module = importlib.import_module(f"configs.{common}")
    comments = _comments(pathlib.Path(str(module.__file__)).read_text(encoding="utf-8"))
    lines = []
    for path, value in flat_fields(module.get_common().to_dict()).items():
        comment = comments.get(path, "")
        text = textwrap.fill(comment, 110, initial_indent=" " * 6, subsequent_indent=" " * 6)
        lines.append(f"  {path}={value!r}" + (f"\n{text}" if comment else ""))
    return "\n".join(lines)


def flat_fields(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested fields by their paths, such as "data.dataset"."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= flat_fields(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _comments(source: str) -> dict[str, str]:
    """The comment of each "section.field": at the end of its line, or on the lines above it."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    by_line = {token.start[0]: token for token in tokens if token.type == tokenize.COMMENT}
    lines = source.splitlines()
    comments = {}
    for section, node in _fields(ast.parse(source)):
        parts = [by_line[node.lineno].string] if node.lineno in by_line else []
        above = node.lineno - 1
        while above in by_line and lines[above - 1].lstrip().startswith("#"):
            parts.insert(0, by_line[above].string)
            above -= 1
        comments[f"{section}.{node.arg}"] = " ".join(part.lstrip("# ") for part in parts)
    return comments


def _fields(source: ast.Module) -> Iterator[tuple[str, ast.keyword]]:
    """(section, keyword argument) of all assignments such as `config.data = ConfigDict(dict(field=...))`."""
    for assignment in ast.walk(source):
        if isinstance(assignment, ast.Assign) and isinstance(assignment.targets[0], ast.Attribute):
            for node in ast.walk(assignment.value):
                if isinstance(node, ast.keyword):
                    yield assignment.targets[0].attr, node
