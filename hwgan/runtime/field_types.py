"""Values of a config, held to the annotations of the fields that they become."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from hwgan.runtime.errors import UserError

_MAX_SHOWN = 200  # characters of a wrong value


def check_field_types(path: str, dataclass: type, values: Mapping[str, Any]) -> None:
    """Checks values of a config before they become fields, where a wrong one would fail far from its cause.

    Args:
      path: of the values in the config, such as "model.generator".
      dataclass: its fields are numbers (`int`, `float`, or `int | float`), bools, texts, tuples of these, or `Any`.
      values: by the names of fields; lists are tuples already.

    Raises:
      UserError: a name is of no field, or a value is not of the type of its field. Whole numbers are numbers.
    """
    names = {field.name for field in dataclasses.fields(dataclass)}
    if unknown := set(values) - names:
        known = sorted(names - {"name", "parent"})
        raise UserError(f"{path} ({dataclass.__name__}) has no fields {sorted(unknown)}; there are {known}")
    annotations = typing.get_type_hints(dataclass)
    for name, value in values.items():
        if not _is_a(value, annotations[name]):
            given = " ".join(repr(value).split())[:_MAX_SHOWN]
            raise UserError(f"{path}.{name}={given} must be {_described(annotations[name])}")


def _is_a(value: Any, annotation: Any) -> bool:
    if annotation is Any:
        return True
    if isinstance(annotation, types.UnionType):
        return any(_is_a(value, kind) for kind in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        entries = typing.get_args(annotation)
        if entries[-1] is Ellipsis:
            entries = entries[:1] * (len(value) if isinstance(value, tuple) else 0)
        return isinstance(value, tuple) and len(value) == len(entries) and all(map(_is_a, value, entries))
    if isinstance(value, bool):
        return annotation is bool
    return isinstance(value, int | float if annotation is float else annotation)


def _described(annotation: Any) -> str:
    """A type in words: "a list of 2 whole numbers"."""
    if typing.get_origin(annotation) is tuple:
        first, *others = typing.get_args(annotation)
        kind = "lists" if typing.get_origin(first) is tuple else _WORDS[first].split(maxsplit=1)[1] + "s"
        inner = f" ({_described(first)})" if kind == "lists" else ""
        return f"a list of {'' if others == [Ellipsis] else f'{len(others) + 1} '}{kind}{inner}"
    return _WORDS[annotation if isinstance(annotation, type) else float]


_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text"}
