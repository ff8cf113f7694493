"""Writes a prepared dataset to disk atomically."""

import contextlib
import io
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from hwgan.data.prepared import SUMMARY_FILE, parse_summary
from hwgan.datasets.builder import HandwritingBuilder
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import replace_text
from hwgan.runtime.locking import exclusive_lock


def write_dataset(builder: HandwritingBuilder) -> dict[str, Any]:
    """Writes the dataset unless a complete one exists, and returns its summary.

    The summary is written last, by an atomic rename: a folder without a summary is left by an interrupted run and is
    written again.

    Raises:
      UserError: the dataset exists, but was made from another source, with other options, or from files that changed.
    """
    directory = pathlib.Path(builder.data_dir)
    path = directory / SUMMARY_FILE
    if path.exists():  # it may be in a folder that is read-only, where nothing can be locked
        return _existing(path, builder)
    with exclusive_lock(directory.parent) as locked:
        if path.exists():
            return _existing(path, builder)
        if locked:  # else they may be of another process that is at work
            for leftover in (directory, *directory.parent.glob("incomplete.*")):
                shutil.rmtree(leftover, ignore_errors=True)
        # Before the source is read: it may be corrected meanwhile.
        _ = builder.source_files.listing, builder.source_files.content
        with _quiet():
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(compute_stats=tfds.download.ComputeStatsMode.SKIP)
            )
        for name, content in builder.side_files().items():
            (directory / name).write_bytes(content.encode() if isinstance(content, str) else content)
        summary = builder.summary()
        replace_text(path, json.dumps(summary, indent=1, ensure_ascii=False), sync=True)
        return summary


def _existing(path: pathlib.Path, builder: HandwritingBuilder) -> dict[str, Any]:
    """The summary of a complete dataset; raises UserError if it is of another source or of other options."""
    directory, summary = path.parent, parse_summary(path)
    existing, requested = (summary["source"], summary["options"]), (builder.source_files.name, builder.options)
    if existing != requested:
        raise UserError(
            f"{directory} was made from {existing[0] or 'no source'} with options {existing[1]}, and you ask for "
            f"{requested[0]} with {requested[1]}; remove that folder, or choose another --data_dir or --name"
        )
    # Datasets of older versions have no such checksum of contents.
    found = builder.source_files
    same_content = summary.get("source_content", found.content) == found.content
    same_files = summary["source_listing"] == found.listing
    if not same_files or not same_content:
        what = "its texts or archives were others" if same_files else "its files were others in name, number or size"
        raise UserError(
            f"{directory} was made from {existing[0]} when {what}; remove that folder to prepare it again, or "
            "choose another --data_dir or --name"
        )
    return summary


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses the messages and progress bars of tfds; the builder has its own progress bar."""
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
