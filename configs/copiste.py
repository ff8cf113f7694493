"""configs/handwriting.py on French alone: the Copiste d'un jour words of some 200 writers, or any folder of words.

  python -m hwgan.prepare --dataset=word_folder --source=copiste_words.zip --name=copiste
  python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste

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
    config.model.identifier.num_writers = 256
    return config
