import dataclasses
from typing import Any

import pytest

from hwgan.runtime.errors import UserError
from hwgan.runtime.field_types import check_field_types


@dataclasses.dataclass
class Fields:
    layers: tuple[int, ...] = ()
    cell: tuple[int, int] = (4, 2)
    pools: tuple[tuple[int, int], ...] = ()
    rate: float = 0.0
    step: int | float = 0
    size: int = 0
    norm: str = ""
    dense: bool = False
    dtype: Any = None


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"layers": (), "cell": (1, 2), "pools": ((2, 2), (2, 1))},
        {"rate": 1, "step": 1.5, "size": -3, "norm": "x", "dense": True, "dtype": object()},
    ],
)
def test_values_of_their_types_pass(values):
    check_field_types("model", Fields, values)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("layers", -1, "model.layers=-1 must be a list of whole numbers"),
        ("layers", (1, 2.0), "must be a list of whole numbers"),
        ("layers", [1, 2], "must be a list of whole numbers"),
        ("cell", (1, 2, 3), "must be a list of 2 whole numbers"),
        ("cell", None, "must be a list of 2 whole numbers"),
        ("pools", (2, 2), r"must be a list of lists \(a list of 2 whole numbers\)"),
        ("pools", ((2, 2), (2,)), "must be a list of lists"),
        ("rate", "fast", "model.rate='fast' must be a number"),
        ("rate", True, "must be a number"),
        ("step", None, "must be a number"),
        ("size", 2.0, "model.size=2.0 must be a whole number"),
        ("size", "9\n" * 999, r"model.size='9\\n9\\n.{,200} must be a whole number$"),
        ("size", False, "must be a whole number"),
        ("norm", 3, "must be a text"),
        ("dense", 1, "model.dense=1 must be True or False"),
        ("depth", 1, r"model \(Fields\) has no fields \['depth'\]; there are \['cell', 'dense', 'dtype'"),
    ],
)
def test_others_are_named_with_what_they_must_be(name, value, message):
    with pytest.raises(UserError, match=message):
        check_field_types("model", Fields, {name: value})
