"""Provenance of results: the commit, package versions and device that computed them."""

import contextlib
import importlib.metadata
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import jax

_PACKAGES = ("jax", "jaxlib", "flax", "numpy", "scipy", "gudhi", "pillow")


def provenance() -> dict[str, Any]:
    """Commit of this package ("" outside of a git checkout), versions of its dependencies, and the device."""
    return {
        "commit": commit(pathlib.Path(__file__).parents[1]),
        "versions": dict(_versions()),
        "device": jax.devices()[0].device_kind,
    }


def _versions() -> Iterator[tuple[str, str]]:
    """The packages that are installed; gudhi there is not for every machine."""
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)


def commit(package: pathlib.Path) -> str:
    """The commit of the git checkout that contains a package, with "+changes" if its files are modified.

    It is "" if the package is not tracked by a checkout, or if git is not installed.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if not git("ls-files", "--", "evaluation/provenance.py"):  # an untracked installation inside another checkout
            return ""
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return ""
