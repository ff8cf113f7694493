"""One or two thousand words of your own, 40 pixels high: a generator in an hour on two CPU cores.

  python -m hwgan.main --config=configs/few_words.py --workdir=runs/mywords \
      --config.data.dataset=word_folder/mywords --config.data.lexicon=texts.txt

texts.txt has texts to write, one a line, of which no image is needed: a text of the language, each word as often as it
comes. Without it the generator learns the texts of its own words alone, which was not tried. Networks, losses and
rates are those of configs/handwriting.py; words are kept and preprocessed as by configs/htr.py, whose recognizers the
generated words are for. Results of 1,472 words of IAM: experiments/recognition/README.md.
"""

from ml_collections import ConfigDict

from configs import handwriting, htr


def get_config() -> ConfigDict:
    config = handwriting.get_config()
    recognition = htr.get_config()

    config.data.dataset = ""  # yours
    config.data.alphabet = ""
    config.data.recognizer_dataset = ""
    config.data.rare_character_threshold = 100
    for name in ("max_length", "max_width", "num_buckets"):
        config.data[name] = recognition.data[name]
    config.preprocessing = recognition.preprocessing

    config.model.generator.block_features = (96, 48)
    config.model.generator.first_height = 5
    config.model.discriminator.block_features = (16, 48, 96)
    config.model.recognizer.pools = ((2, 1), (2, 1), (1, 1), (1, 1))
    config.model.identifier.num_writers = 256

    config.train.num_steps = 8_000
    config.train.recognizer_pretrain_steps = 2_500
    config.train.sample_every = 500
    config.train.evaluate_every = 500
    config.sample_grid.words = ("amit", "station", "received", "hand", "writing", "quick", "brown", "foxes")
    return config
