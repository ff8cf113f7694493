"""The second part of the package's weights: what configs/copiste.py made learns to write as variously as people do.

Its words are read far more easily than real ones, being neater and more alike. Here the discriminator also scores
what the recognizer and the identifier see (`reader_features`), has no spectral norm but a penalty on its slopes, and
has more say; and what the readers see in generated words is drawn, on average, to what they see in real ones
(`feature_matching`). From a generator that writes already, readers, and a discriminator that learned first, alone:

  python -m hwgan.main --config=configs/copiste.py --workdir=runs/reader --config.train.num_steps=5000 \\
    --config.train.updated_networks='("recognizer","identifier")' \\
    --config.optimizer.recognizer.decay_steps=5000 --config.optimizer.identifier.decay_steps=5000
  python -m hwgan.main --config=configs/copiste_finish.py --workdir=runs/critic --config.train.num_steps=1000 \\
    --config.train.start_from=first.npz,runs/reader --config.train.updated_networks='("discriminator",)' \\
    --config.optimizer.discriminator.learning_rate=1e-3
  python -m hwgan.main --config=configs/copiste_finish.py --workdir=runs/copiste_finish \\
    --config.train.start_from=first.npz,runs/reader,runs/critic

`first.npz` is the release of configs/copiste.py: python -m hwgan.release --checkpoint=runs/copiste --output=first.npz
For the package's weights it was what four runs like this one, of 11,200 steps together, had made of that before; see
experiments/copiste_finish. From configs/copiste.py at once was not tried: it needs more steps, and perhaps 5e-4 for
--config.optimizer.{language_model,generator}.learning_rate, as those four had.
"""

from ml_collections import ConfigDict

from configs import copiste
from configs.common import fast_optimizers


def get_config() -> ConfigDict:
    config = copiste.get_config()

    # Real words and those to write are of one kind, else the discriminator would tell them by their letters: none are
    # invented, and those with rare letters come more often on both sides.
    config.data.plentiful = 2000
    config.data.rare_share = 0.0

    config.model.discriminator.spectral_norm = False
    config.model.discriminator.reader_features = 128

    config.train.num_steps = 2600
    config.train.recognizer_first_steps = 0
    config.train.alpha = 0.8
    config.train.style_weight = 0.7
    config.train.gradient_penalty = 0.3
    config.train.feature_matching = 20.0
    config.train.sample_every = 500
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 500

    config.sample.spread = 1.2  # nearer to validation and test words, at some cost in legibility

    config.optimizer = fast_optimizers(config.train.num_steps)
    for name in ("language_model", "generator"):
        config.optimizer[name].learning_rate = 2e-4
        config.optimizer[name].warmup_steps = 300  # until the discriminator has seen what it is to tell apart
    config.optimizer.discriminator.learning_rate = 4e-4
    for name in ("recognizer", "identifier"):
        config.optimizer[name].learning_rate = 2e-4
    return config
