"""Scripts with combining marks, from images and a table to training."""

import jax
import numpy as np
import pytest

from configs import copiste, smoke
from hwgan.data.charset import normalize_text
from hwgan.data.graphemes import num_columns, takes_no_width
from hwgan.prepare import prepare_dataset
from hwgan.training.data import load_data
from hwgan.training.trainer import Trainer
from tests.models.conftest import edit_to_char_width
from tests.synthetic_data import make_words

# No ќ or ѓ: a random к or г followed by a stress mark would become one.
RUSSIAN = ["за\u0301мок", "замо\u0301к", "му\u0301ка", "мука\u0301", "доро\u0301га", "горо\u0301да", "о\u0301стров"]
HEBREW = ["שָׁלוֹם", "מֶלֶךְ", "אִשָּׁה", "יֶלֶד", "סֵפֶר", "לֶחֶם", "בַּיִת", "תּוֹרָה"]
ARABIC = ["كِتَابٌ", "مَدْرَسَةٌ", "قَلَمٌ", "بَيْتٌ", "وَلَدٌ", "شَمْسٌ"]
VIETNAMESE = [
    "nghie\u0302ng",
    "đươ\u0300ng",
    "tie\u0302\u0301ng",
    "Vie\u0323\u0302t",
    "chu\u031b\u0303",
    "ba\u0301nh",
]  # in NFD
DEVANAGARI = ["हिन्दी", "पुस्तक", "विद्या", "नमस्ते", "कु\u0915\u093cत", "गाँव"]
SCRIPTS = dict(russian=RUSSIAN, hebrew=HEBREW, arabic=ARABIC, vietnamese=VIETNAMESE, devanagari=DEVANAGARI)


def prepare(tmp_path, name, width_of_letter=16):
    """36 images, `width_of_letter` pixels wide for each character that is no mark and 40 high."""
    texts = [SCRIPTS[name][i % len(SCRIPTS[name])] for i in range(36)]
    widths = [width_of_letter * num_columns(normalize_text(text)) for text in texts]
    folder = make_words(tmp_path / name, texts, widths)
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    return dict(data_dir=str(tmp_path / "data"), dataset=f"word_folder/{name}", alphabet="")


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_word_is_dropped_and_random_texts_keep_to_the_alphabet(tmp_path, name, caplog):
    """Letters 0.6 to 0.8 x-heights wide: were marks as wide as letters, most words would be too narrow for their text."""
    caplog.set_level("INFO", logger="hwgan")
    config = copiste.get_config()
    config.data.update(prepare(tmp_path, name))
    data = load_data(config)
    assert len(data.train) + len(data.validation) >= 28
    assert caplog.text.count("dropped: none") == 2
    assert "more labels than" not in caplog.text
    rows = zip(data.lexicon.labels, data.lexicon.is_random, strict=True)
    random = [data.charset.decode(labels) for labels, is_random in rows if is_random]
    assert len(random) > 20
    for text in random:
        assert normalize_text(text) == text
        assert not data.charset.unknown(text)
        assert not takes_no_width(text[0])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "edit"), [("hebrew", edit_to_char_width), ("devanagari", None)])
def test_they_train_and_are_written(tmp_path, name, edit):
    """With characters of widths of their own, and on a grid, whose canvas may be wider than that of the real words."""
    config = smoke.get_config()
    if edit is not None:
        edit(config)
    config.model.identifier = dict(name="none")
    config.data.update(prepare(tmp_path, name), max_width=160, max_length=10, num_buckets=2, random_text_fraction=0.25)
    config.train.update(batch_size=2, recognizer_pretrain_steps=0)
    trainer = Trainer(config, str(tmp_path / "run"))
    batch = next(batch for batch in trainer.batches() if edit or batch.real.image.shape[2] < 160)
    assert all(np.isfinite(value) for value in trainer.advance(batch).values())
    words = SCRIPTS[name][:2]
    images = trainer.sampler.draw(words, trainer.sampler.sample_styles(jax.random.key(0), 2))
    if not edit:
        assert [image.shape for image in images] == [(32, 16 * num_columns(word)) for word in words]
    trainer.checkpointer.close()
