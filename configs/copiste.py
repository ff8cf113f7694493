"""configs/handwriting.py on one dataset: the French words of Copiste d'un jour, by some 200 writers, or any others.

  python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste --config.data.dataset=pages/copiste

pages/copiste are the words that hwgan.prepare cuts from the public pages (docs/data.md). Without the last flag the
config takes word_folder/copiste, words of the same pages that another program cut and that are not part of this
repository: those of the published results. Words of your own: --config.data.dataset=NAME/CONFIG
--config.data.alphabet="", for all characters that they have. More than 1,024 training writers:
--config.model.identifier.num_writers=N.
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
    config.data.recognizer_dataset = ""  # no synthetic Latin words for the recognizer: the dataset may be of any script
    return config
