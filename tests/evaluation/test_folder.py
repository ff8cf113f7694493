"""Word images of other methods."""

import pytest

from hwgan.evaluation.folder import is_folder_of_words, read_dataset_images, read_folder
from hwgan.runtime.errors import UserError
from tests.synthetic_data import make_folder, png


def test_folders(tmp_path):
    folder = make_folder(tmp_path / "mine", count=12)
    assert is_folder_of_words(str(folder))
    assert not is_folder_of_words("word_folder/nowhere")
    images, texts, writers = read_folder(str(folder))
    assert (len(images), texts[3], writers[3]) == (12, "mot3é", "w3")
    with_splits = make_folder(tmp_path / "splits", count=12, columns=("file", "text", "split"))
    assert len(read_folder(str(with_splits))[0]) == 12
    assert len(read_folder(str(with_splits), "test")[0]) == 4
    with pytest.raises(UserError, match="no rows of split 'fold3'; it has test, train, validation"):
        read_folder(str(with_splits), "fold3")
    table = with_splits / "words.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("\tvalidation", "\tVal"), encoding="utf-8")
    assert len(read_folder(str(with_splits), "validation")[0]) == 4
    assert len(read_folder(str(folder), "test")[0]) == 12  # no column, so all
    (folder / "3.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"the image '3.png' of the table cannot be read"):
        read_folder(str(folder))


def test_badly_segmented_words_are_left_out(monkeypatch):
    rows = [{"image": png(i), "text": f"{i}", "writer": "w", "segmentation_ok": i != 1} for i in range(3)]
    monkeypatch.setattr("hwgan.evaluation.folder.open_rows", lambda *_: rows)
    assert read_dataset_images("data", "iam/words", "test")[1] == ["0", "2"]
