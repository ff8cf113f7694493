"""Writes a builder's dataset to disk, whole or not at all."""

import contextlib
import io
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from hwgan.data.locking import only_writer
from hwgan.data.prepared import SUMMARY_FILE, parse_summary
from hwgan.datasets.builder import WordImageBuilder
from hwgan.errors import UserError
from hwgan.files import replace_text


def write_dataset(builder: WordImageBuilder) -> dict[str, Any]:
    """Writes the dataset unless a whole one is there; returns its summary.

    The summary is written last, in one move: a folder without one is what an interrupted run left, and is made anew.

    Raises:
      UserError: it is there already, but made from another source or with other options.
    """
    directory = pathlib.Path(builder.data_dir)
    with only_writer(directory.parent):
        path = directory / SUMMARY_FILE
        if path.exists():
            summary = parse_summary(path)
            _check_same(summary, builder, directory)
            return summary
        for leftover in (directory, *directory.parent.glob("incomplete.*")):
            shutil.rmtree(leftover, ignore_errors=True)
        with _quiet():
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(compute_stats=tfds.download.ComputeStatsMode.SKIP)
            )
        for name, text in builder.side_files().items():
            (directory / name).write_text(text, encoding="utf-8")
        summary = builder.summary()
        replace_text(path, json.dumps(summary, indent=1, ensure_ascii=False), sync=True)
        return summary


def _check_same(summary: dict[str, Any], builder: WordImageBuilder, directory: pathlib.Path) -> None:
    made, asked = (summary["source"], summary["options"]), (builder.source_name, builder.options)
    if made == asked and summary["source_listing"] != builder.source_listing:
        raise UserError(
            f"{directory} was made from {made[0]} when its files were others in name, number or size; remove that "
            "folder to make it anew, or choose another --data_dir or --name"
        )
    if made != asked:
        raise UserError(
            f"{directory} was made from {made[0] or 'no source'} with options {made[1]}, and you ask for {asked[0]} "
            f"with {asked[1]}; remove that folder, or choose another --data_dir or --name"
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without tfds's own messages, which speak of downloads; the builder shows its progress."""
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
