"""Training sets of generated words: equal for any number of processes and interruptions, and complete or absent."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from hwgan.checkpoints.run import Run
from hwgan.data.prepared import open_rows, row_text
from hwgan.prepare import prepare_dataset
from hwgan.runtime.errors import UserError
from hwgan.sampling.generated_dataset import GenerationSpec, generate_words
from hwgan.sampling.open import sampler_from_run
from hwgan.sampling.style_encoder import StyleEncoder
from hwgan.sampling.style_files import Style
from hwgan.sampling.writer_styles import _file_names, encode_writers
from tests.hostile import file_damages, held, mutations

SPEC = GenerationSpec(count=25, words=("ab", "cde", "f"), seed=0, shard_size=10, crop=True)


@pytest.fixture(scope="module")
def sampler(small_run):
    return sampler_from_run(Run(small_run.config, small_run.charset, small_run.networks, small_run.state))


def content(folder):
    """Every file but the hidden ones, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".made" not in path.parts
    }


@pytest.fixture(scope="module")
def whole(sampler, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert generate_words(sampler, SPEC, folder)
    return folder


def test_a_set_is_a_folder_that_recognizers_read(whole, tmp_path):
    lines = (whole / "words.tsv").read_text().splitlines()
    assert lines[0] == "file\ttext\twriter\tsplit"
    rows = [line.split("\t") for line in lines[1:]]
    assert len(rows) == 25
    assert {text for _, text, _, _ in rows} == {"ab", "cde", "f"}
    assert len({writer for _, _, writer, _ in rows}) == 2  # some twenty words a style
    for file, *_ in rows:
        with Image.open(whole / file) as image:
            assert image.mode == "L"
    summary = prepare_dataset("word_folder", str(tmp_path), str(whole), "generated")
    assert summary["examples"] == {"train": 25}


def test_processes_share_the_work_in_any_order(sampler, whole, tmp_path):
    share = dict(num_processes=2)
    assert not generate_words(sampler, SPEC, tmp_path, process_id=1, **share)
    assert not (tmp_path / "words.tsv").exists()
    assert generate_words(sampler, SPEC, tmp_path, process_id=0, **share)
    assert content(tmp_path) == content(whole)


def test_an_interrupted_run_is_continued(sampler, whole, tmp_path, monkeypatch):
    class Interrupt(Exception):
        pass

    saved = Image.Image.save
    calls = []

    def save(image, path, *arguments, **options):
        calls.append(path)
        if len(calls) == 14:  # in the second shard
            raise Interrupt
        return saved(image, path, *arguments, **options)

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(Interrupt):
        generate_words(sampler, SPEC, tmp_path)
    assert not (tmp_path / "words.tsv").exists()
    calls.clear()
    monkeypatch.setattr(Image.Image, "save", lambda *a, **options: (calls.append(a[1]), saved(*a, **options)))
    assert generate_words(sampler, SPEC, tmp_path)
    assert len(calls) == 15  # the first shard was not made again
    assert content(tmp_path) == content(whole)


def test_a_shard_whose_table_was_lost_is_made_again(sampler, whole, tmp_path):
    """A loss of power may leave an empty file of the right name."""
    assert generate_words(sampler, SPEC, tmp_path)
    (tmp_path / "words.tsv").unlink()
    next((tmp_path / ".made").glob("*1.tsv")).write_text("")
    assert generate_words(sampler, SPEC, tmp_path)
    assert content(tmp_path) == content(whole)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (dict(seed=1), "seed=0, not 1"),
        (dict(words=("ab",)), "another list of words"),
        (dict(crop=False), "crop=True, not False"),
        (dict(count=26), "num_images=25, not 26"),
    ],
)
def test_another_specification_is_refused(sampler, whole, change, named):
    before = content(whole)
    with pytest.raises(UserError, match=f"holds words generated with {named}"):
        generate_words(sampler, dataclasses.replace(SPEC, **change), whole)
    with pytest.raises(UserError, match="holds words generated with temperature="):
        generate_words(dataclasses.replace(sampler, temperature=1.2), SPEC, whole)
    assert content(whole) == before


def test_layout_of_hwd(sampler, tmp_path):
    spec = dataclasses.replace(SPEC, layout="hwd")
    assert generate_words(sampler, spec, tmp_path)
    texts = json.loads((tmp_path / "transcriptions.json").read_text())
    assert len(texts) == 25
    for file, text in texts.items():
        assert (tmp_path / file).parent.name.startswith("style")
        assert text in SPEC.words
    assert not (tmp_path / "words.tsv").exists()


def test_each_word_once(sampler):
    spec = dataclasses.replace(SPEC, once=True, count=3)
    assert spec.shard(0)[0] == ["ab", "cde", "f"]


def test_words_are_written_in_passes_through_the_list():
    """Each as often as the others, whatever the sizes of shards are; each pass in another order."""
    words = tuple("abcdefg")
    for shard_size in (5, 100):
        spec = dataclasses.replace(SPEC, words=words, count=21, shard_size=shard_size)
        texts = [text for number in range(-(-21 // shard_size)) for text in spec.shard(number)[0]]
        assert [sorted(texts[start : start + 7]) for start in (0, 7, 14)] == [list(words)] * 3
        assert len({tuple(texts[start : start + 7]) for start in (0, 7, 14)}) == 3


def test_words_that_cannot_be_written(sampler, tmp_path):
    with pytest.raises(UserError, match=r"outside the alphabet .*'1'"):
        generate_words(sampler, dataclasses.replace(SPEC, words=("a1",)), tmp_path / "set")
    assert [text for text in ["ab", "a1", "", "toolongaword"] if sampler.can_write(text)] == ["ab"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to"):
        generate_words(sampler, SPEC, tmp_path / "file" / "set")


def test_uncropped_words_have_the_height_of_the_networks(sampler, tmp_path):
    spec = dataclasses.replace(SPEC, crop=False, count=3)
    generate_words(sampler, spec, tmp_path)
    shapes = {np.asarray(Image.open(path)).shape[0] for path in (tmp_path / "images").rglob("*.png")}
    assert shapes == {sampler.spec.height}


def test_a_hostile_folder_to_continue(sampler, tmp_path):
    """Its record is one sentence, or that of the same specification; what it links to is not written to."""
    own = tmp_path / "own.txt"
    own.write_text("the user's own")
    output = tmp_path / "output"
    generate_words(sampler, SPEC, output)
    record = output / ".made" / "spec.json"
    honest = json.loads(record.read_text())
    tried = 0
    for _, changed in mutations(honest, honest):
        record.write_text(json.dumps(changed))
        with held():
            generate_words(sampler, SPEC, output)
        tried += 1
    assert tried == 11 * len(honest)
    record.write_text(json.dumps(honest))
    for number in range(len(list(file_damages(record)))):
        list(file_damages(record))[number][1]()
        with held():
            generate_words(sampler, SPEC, output)
        if record.is_dir():
            record.rmdir()
        record.unlink(missing_ok=True)
        record.write_text(json.dumps(honest))
    (output / "words.tsv").unlink()
    (output / "words.tsv").symlink_to(own)
    generate_words(sampler, SPEC, output)
    assert own.read_text() == "the user's own"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".made").symlink_to(tmp_path)
    with pytest.raises(UserError, match="is a link"):
        generate_words(sampler, SPEC, tmp_path / "other")


class Averages(StyleEncoder):
    """Stands in for an encoder: the style of some images is their mean grey level and their number."""

    def __init__(self, size):
        self.size = size

    def encode(self, images):
        z = np.zeros(self.size, np.float32)
        z[:2] = np.mean([image.mean() for image in images]) / 255, len(images)
        return Style(z, len(images), None, "")


def test_names_of_files_are_unique_and_stay_in_their_folder():
    names = ["p/1.png", "p_1.png", "P:1.png", "p_1.png~2", "..", "", "a"]
    found = _file_names(names)
    assert found == ["p_1.png", "p_1.png~2", "P_1.png~3", "p_1.png~2~2", "_", "_~2", "a"]


def test_words_of_a_split_in_the_styles_of_their_writers(sampler, data_dir, tmp_path):
    encoder = Averages(sampler.networks.z_dim)
    writers, dropped = encode_writers(data_dir, "penman/smoke", "test", sampler=sampler, encoder=encoder, min_length=3)
    rows = open_rows(data_dir, "penman/smoke", "test")
    expected = {row_text(rows[i], "id"): rows[i] for i in range(len(rows)) if len(row_text(rows[i], "text")) >= 3}
    assert set(writers.ids) == set(expected)
    assert dropped["too short"] == len(rows) - len(expected)
    names = [writers.writers[owner] for owner in writers.owners]
    assert names == [row_text(expected[name], "writer") for name in writers.ids]
    assert (writers.z[:, 1] <= 15).all()

    spec = GenerationSpec(len(writers.texts), tuple(writers.texts), 0, 10, layout="hwd", once=True, writers=writers)
    assert generate_words(sampler, spec, tmp_path)
    texts = json.loads((tmp_path / "transcriptions.json").read_text())
    files = [f"{name}/{key}.png" for name, key in zip(names, writers.ids, strict=True)]
    assert texts == {file: row_text(expected[key], "text") for file, key in zip(files, writers.ids, strict=True)}
    few, nothing = encode_writers(
        data_dir, "penman/smoke", "test", sampler=sampler, encoder=encoder, references=2, texts=["abc", "de"]
    )
    assert (few.writers, nothing) == (writers.writers, {})
    count = len(few.writers)
    assert few.texts == ["abc", "de"] * count and few.owners == np.repeat(range(count), 2).tolist()
    assert len(set(few.ids)) == len(few.ids) and few.ids[0] == f"{few.writers[0]}-00000"
    assert (few.z[:, 1] <= 2).all() and (writers.z[:, 1] > 2).any()  # the words that a style is of

    other = dataclasses.replace(spec, writers=dataclasses.replace(writers, z=writers.z + 1.0))
    with pytest.raises(UserError, match="generated with other styles of writers"):
        generate_words(sampler, other, tmp_path)
