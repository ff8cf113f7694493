"""The type of a config, for signatures."""

from typing import Any

Config = Any  # an ml_collections.ConfigDict, whose fields type checkers do not know
