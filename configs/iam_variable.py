"""The networks and losses of configs/copiste.py on IAM words.

  python -m hwgan.prepare --dataset=iam/words --source=DIR
  python -m hwgan.main --config=configs/iam_variable.py --workdir=runs/iam_variable

`model.generator.log_width_std`, `width_compression` and the weights of the losses are those of the Copiste words, not
measured on IAM.
"""

from ml_collections import ConfigDict

from configs import copiste
from configs.common import fast_optimizers


def get_config() -> ConfigDict:
    config = copiste.get_config()

    config.data.dataset = "iam/words"
    config.data.alphabet = ""  # all 79 characters
    config.data.max_length = 21  # the longest word of IAM
    config.data.max_width = 352

    config.model.identifier.num_writers = 657  # of all of IAM

    # Four times as many words as Copiste has, so more steps, of as many words as suit an accelerator.
    config.train.batch_size = 64
    config.train.num_steps = 60_000
    config.train.sample_every = 2000
    config.train.evaluate_every = 2000
    config.train.checkpoint_every = 2000
    config.optimizer = fast_optimizers(config.train)
    config.optimizer.discriminator.learning_rate = 4e-4
    return config
