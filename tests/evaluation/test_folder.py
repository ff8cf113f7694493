"""Word images of other methods."""

import pytest

from hwgan.evaluation.folder import is_folder_of_words, read_folder
from hwgan.runtime.errors import UserError
from tests.synthetic_data import make_folder


def test_folders(tmp_path):
    folder = make_folder(tmp_path / "mine", count=12)
    assert is_folder_of_words(str(folder))
    assert not is_folder_of_words("word_folder/nowhere")
    images, texts, writers = read_folder(str(folder))
    assert (len(images), texts[3], writers[3]) == (12, "mot3é", "w3")
    with_splits = make_folder(tmp_path / "splits", count=12, columns=("file", "text", "split"))
    assert len(read_folder(str(with_splits))[0]) == 12
    assert len(read_folder(str(with_splits), "test")[0]) == 4
    with pytest.raises(UserError, match="no rows of split 'dev'; it has test, train, validation"):
        read_folder(str(with_splits), "dev")
    assert len(read_folder(str(folder), "test")[0]) == 12  # no column, so all
    (folder / "3.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"the image '3.png' of the table cannot be read"):
        read_folder(str(folder))
