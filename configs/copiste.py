"""configs/handwriting.py on French only: the Copiste d'un jour words of some 200 writers, or any folder of words.

  python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste --config.data.dataset=pages/copiste

makes it from the words of the public pages (docs/data.md). The default is that of the published results, whose words
another program cut. More than 1,024 writers: --config.model.identifier.num_writers.
Of words of your own, set data.dataset, and data.alphabet to "", which takes the characters that they have.
"""

from ml_collections import ConfigDict

from configs import handwriting


def get_config() -> ConfigDict:
    config = handwriting.get_config()

    config.data.dataset = "word_folder/copiste"
    # Characters with at least 20 examples, and what French and English cannot do without.
    config.data.alphabet = (
        "!\"&'(),-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzÉàáâäçèéêîïóôöùûüœ’"
    )
    config.data.recognizer_dataset = ""  # nothing synthetic, so that words of any alphabet can take their place
    return config
