"""Synthetic raw data for the tests of the datasets, in the layouts that real ones have."""

import io
import json
import multiprocessing
import tarfile
import zipfile

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from hwgan.data.prepared import dataset_directory
from hwgan.datasets.splits import SPLITS

# Children for tests that kill: forked from a small server, for this process has threads that a fork would break.
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(["hwgan.prepare", "hwgan.data.cache"])


def png(seed=0, size=(40, 20)) -> bytes:
    stream = io.BytesIO()
    ink = np.random.default_rng(seed).integers(0, 256, (size[1], size[0]), np.uint8)
    Image.fromarray(ink).save(stream, "PNG")
    return stream.getvalue()


def read_rows(data_dir, dataset, split):
    builder = tfds.builder_from_directory(dataset_directory(str(data_dir), dataset))
    return {row["id"].decode(): row for row in builder.as_data_source(split)}


def make_folder(path, count=60, table="words.tsv", columns=("file", "text", "writer")):
    """Images with a table in the format that its ending says."""
    path.mkdir(parents=True)
    rows = []
    for i in range(count):
        (path / f"{i}.png").write_bytes(png(i))
        values = {"file": f"{i}.png", "text": f"mot{i % 10}é", "writer": f"w{i % 20}", "split": SPLITS[i % 3]}
        rows.append({column: values[column] for column in columns})
    if table.endswith(".json"):
        text = json.dumps(rows)
    elif table.endswith(".jsonl"):
        text = "\n".join(map(json.dumps, rows)) + "\n"
    else:
        separator = "\t" if table.endswith(".tsv") else ","
        text = "\n".join([separator.join(columns), *(separator.join(row.values()) for row in rows)]) + "\n"
    (path / table).write_text(text, encoding="utf-8")
    return path


def make_words(path, texts, widths, height=40):
    """A folder of images of these widths with a table of their texts."""
    path.mkdir(parents=True)
    rows = [f"{i}.png\t{text}\n" for i, text in enumerate(texts)]
    for i, width in enumerate(widths):
        (path / f"{i}.png").write_bytes(png(i, (width, height)))
    (path / "words.tsv").write_text("file\ttext\n" + "".join(rows), encoding="utf-8")
    return path


MODES = {".tar": "w", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2"}


def pack(folder, ending):
    archive = folder.with_suffix(ending)
    if ending == ".zip":
        with zipfile.ZipFile(archive, "w") as file:
            for path in folder.rglob("*"):
                file.write(path, f"inner/{path.name}")
    else:
        with tarfile.open(archive, MODES.get(ending, "w:gz")) as file:
            file.add(folder, "inner")
    return archive


FORMS = {f"{letter}01-{number:03d}": f"{k:03d}" for k, (letter, number) in enumerate(
    (letter, number) for letter in "abcdefgh" for number in (0, 3, 7, 14)
)}  # fmt: skip
WORDS = ["A", "MOVE", "to", "stop", "Mr.", "#"]


def make_iam(root, kind="words", archives=False):
    """A synthetic tree in the exact layout: 32 forms by 32 writers, six words or one line a form."""
    (root / "ascii").mkdir(parents=True)
    header = "#--- words.txt ---#\n#\n# format: a01-000u-00-00 ok 154 1 408 768 27 51 AT A\n#\n"
    words, lines = [header], ["#--- lines.txt ---#\n"]
    for k, form in enumerate(FORMS):
        for i, word in enumerate(WORDS):
            result = "err" if i == 3 else "ok"
            words.append(f"{form}-00-{i:02d} {result} 154 408 768 27 51 AT {word}\n")
        lines.append(f"{form}-00 ok 154 19 408 746 1661 89 {'|'.join(WORDS)}\n")
        for i in range(len(WORDS) if kind == "words" else 1):
            name = f"{form}-00-{i:02d}" if kind == "words" else f"{form}-00"
            path = root / kind / form[:3] / form / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(k))
    (root / "ascii" / "words.txt").write_text("".join(words))
    (root / "ascii" / "lines.txt").write_text("".join(lines))
    forms = "".join(f"{form} {writer} 2 prt 7 5 52 36\n" for form, writer in FORMS.items())
    (root / "ascii" / "forms.txt").write_text("#--- forms.txt ---#\n" + forms)
    if archives:
        for folder in ("ascii", kind):
            with tarfile.open(root / f"{folder}.tgz", "w:gz") as archive:
                for path in sorted((root / folder).iterdir()):
                    archive.add(path, path.name)
            for path in sorted((root / folder).rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            (root / folder).rmdir()
    return root
