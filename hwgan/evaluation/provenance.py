"""What made a figure: versions, commit, weights, settings. Without it a number cannot be compared with another."""

import importlib.metadata
import pathlib
import subprocess
from typing import Any

import jax

_PACKAGES = ("jax", "jaxlib", "flax", "numpy", "scipy", "gudhi", "pillow")


def provenance() -> dict[str, Any]:
    """Versions of what computed the figures, and the commit of this package, if it is a checkout."""
    return {
        "commit": commit(pathlib.Path(__file__).parents[1]),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "device": jax.devices()[0].device_kind,
    }


def commit(package: pathlib.Path) -> str:
    """The commit of the checkout that a package lies in, with "+changes" where its files differ from it.

    "" outside of a checkout, or without git.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if not git("ls-files", "--", "evaluation/provenance.py"):  # installed into somebody else's checkout
            return ""
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return ""
