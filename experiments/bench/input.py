"""Measures preparation and the input pipeline: speed, memory and disk, compared with PyTorch's DataLoader.

    python -m experiments.bench.input --words=100000 --dir=DIR --output=experiments/bench

Writes synthetic words in the layout of IAM (archives of grey PNGs of about 5 kB: noise for paper, strokes for ink),
prepares them in a process of its own, whose peak memory is measured, and times batches of 64 at 32x128: from the cache
through `train_batches`, and from the same PNG files through `torch.utils.data.DataLoader` with 2 workers, which decode
and resize with Pillow, as is usual. Both give shuffled float32 images in [-1, 1]; the first batches are not counted.
The comparison needs torch in addition to requirements.txt (--notorch leaves it out).
"""

import argparse
import io
import itertools
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from PIL import Image

HEIGHT, WIDTH, BATCH = 32, 128, 64
WARM_UP, ROUNDS = 50, 3
WRITERS, WORDS_PER_FORM = 657, 65


def word_png(index: int) -> bytes:
    """A grey PNG of about 5 kB, the size of IAM's word images."""
    rng = np.random.default_rng(index)
    height, width = int(rng.integers(40, 90)), int(rng.integers(60, 260))
    image = rng.normal(236, 1.6, (height, width))
    for _ in range(int(rng.integers(3, 9))):
        x, lean = rng.integers(4, width - 4), rng.uniform(-0.3, 0.6)
        rows = np.arange(6, height - 6)
        columns = (x + lean * (height - rows)).astype(int).clip(0, width - 4)
        for shift in range(3):
            image[rows, columns + shift] = rng.normal(90, 12, rows.size)
    stream = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def make_iam(root: pathlib.Path, count: int) -> None:
    """Writes words.tgz and ascii.tgz with `count` synthetic words."""
    if (root / "ascii.tgz").exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    characters, rng = list("etaoinshrdlucmfwypvbgk"), np.random.default_rng(0)
    rows, forms = [], {}
    with (
        tarfile.open(root / "words.tgz", "w:gz", compresslevel=1) as archive,
        ProcessPoolExecutor(os.cpu_count()) as pool,
    ):
        for index, data in enumerate(pool.map(word_png, range(count), chunksize=256)):
            form = f"a{index // WORDS_PER_FORM // 1000:02d}-{index // WORDS_PER_FORM % 1000:03d}"
            forms[form] = index // WORDS_PER_FORM % WRITERS
            word_id = f"{form}-{index % WORDS_PER_FORM // 9:02d}-{index % 9:02d}"
            member = tarfile.TarInfo(f"{form[:3]}/{form}/{word_id}.png")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            text = "".join(rng.choice(characters, rng.integers(1, 9)))
            rows.append(f"{word_id} ok 180 1 1 90 60 NN {text}\n")
    with tarfile.open(root / "ascii.tgz", "w:gz") as archive:
        writers = "".join(f"{form} {writer:03d} 2 prt 9 9 65 65\n" for form, writer in forms.items())
        tables = {"words.txt": "".join(rows), "forms.txt": writers}
        for name, text in tables.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def tree_bytes(path: pathlib.Path) -> int:
    """Size of all files under a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def in_child(code: str) -> dict[str, float]:
    """Runs code in a new process; returns its seconds and its peak memory."""
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise RuntimeError(f"a child failed: {code}")
    seconds = time.perf_counter() - began
    return {"seconds": round(seconds, 2), "peak_memory_MB": round(usage.ru_maxrss / 1024, 1)}  # Linux counts in kB


def hwgan_batches(data_dir: str) -> float:
    """Images per second through `train_batches`, the best of `ROUNDS` rounds."""
    from hwgan.data.charset import Charset
    from hwgan.data.input_pipeline import create_schedule, train_batches
    from hwgan.data.lexicon import Lexicon
    from hwgan.data.prepared import read_summary
    from hwgan.data.preprocessing import ImageSpec, Preprocessing
    from hwgan.data.word_store import load_words

    charset = Charset(read_summary(data_dir, "iam/words")["alphabet"])
    spec = ImageSpec(Preprocessing(height=HEIGHT, pixels_per_character=16), max_width=WIDTH, max_length=8)
    words = load_words(data_dir, "iam/words", "train", charset, spec)
    schedule = create_schedule(words, batch_size=BATCH, num_buckets=1, seed=0)
    stream = train_batches(words, Lexicon.from_words(words.texts, charset, spec), schedule, seed=0)
    return time_batches(stream, 1500)


def torch_batches(folder: pathlib.Path) -> float:
    """Images per second through DataLoader over the PNG files."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    names = sorted(folder.rglob("*.png"))

    class Words(Dataset):
        def __len__(self):
            return len(names)

        def __getitem__(self, index):
            with Image.open(names[index]) as image:
                grey = image.convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
            return torch.from_numpy(np.asarray(grey, np.float32) / 127.5 - 1.0)[None]

    loader = DataLoader(Words(), BATCH, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True)
    return time_batches((batch for _ in itertools.count() for batch in loader), 300)


def time_batches(stream, count: int) -> float:
    """The best of `ROUNDS` rounds of `count` batches, in images per second."""
    for _ in range(WARM_UP):
        next(stream)
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(count):
            next(stream)
        rates.append(BATCH * count / (time.perf_counter() - began))
    return round(max(rates), 1)


def main() -> None:
    """Writes, prepares, decodes and times the words; prints results, and writes input.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=100_000)
    parser.add_argument("--dir", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--notorch", action="store_true")
    args = parser.parse_args()
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
    raw, data = args.dir / f"raw{args.words}", args.dir / f"data{args.words}"
    make_iam(raw, args.words)
    shutil.rmtree(data, ignore_errors=True)
    load = (
        "from hwgan.data.cache import read_split; from hwgan.data.preprocessing import Preprocessing; "
        f"read_split({str(data)!r}, 'iam/words', 'train', Preprocessing(height=32, pixels_per_character=16), "
        "right_to_left=False)"
    )
    prepare = f"from hwgan.prepare import prepare_dataset; prepare_dataset('iam/words', {str(data)!r}, {str(raw)!r})"
    start = in_child("import hwgan.prepare")
    prepared = in_child(prepare)
    decoded = in_child(load)
    opened = in_child(load)
    home = next(path for path in (data / "iam" / "words").iterdir() if path.is_dir())
    results = {
        "words": args.words,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "raw_MB": round(tree_bytes(raw) / 1e6, 1),
        "prepared_MB": round((tree_bytes(home) - tree_bytes(home / "cache")) / 1e6, 1),
        "cache_MB": round(tree_bytes(home / "cache") / 1e6, 1),
        "import": start,
        "prepare": prepared | {"words_per_second": round(args.words / prepared["seconds"])},
        "decode_train_split": decoded,
        "open_cache": opened,
        "hwgan_images_per_second": hwgan_batches(str(data)),
    }
    if not args.notorch:
        folder = args.dir / f"png{args.words}"
        if not folder.exists():
            with tarfile.open(raw / "words.tgz") as archive:
                archive.extractall(folder, filter="data")
        results["torch_images_per_second"] = torch_batches(folder)
    print(json.dumps(results, indent=1))
    if args.output:
        (args.output / "input.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
