"""configs/handwriting.py on IAM words: English, 64 pixels high, at the batch size of an accelerator.

  python -m hwgan.prepare --dataset=iam/words --source=DIR --whiten --splits=experiments/iam
  python -m hwgan.main --config=configs/iam_variable.py --workdir=runs/iam_variable

On two CPU cores add --config.train.batch_size=16 --config.train.num_steps=20000
--config.train.recognizer_pretrain_steps=9000, the schedule of configs/handwriting.py.
"""

from ml_collections import ConfigDict

from configs import handwriting


def get_config() -> ConfigDict:
    config = handwriting.get_config()

    config.data.dataset = "iam/words"
    config.data.alphabet = "!\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    config.model.identifier.num_writers = 657  # of all of IAM

    config.train.batch_size = 64
    config.train.num_steps = 60_000
    config.train.recognizer_pretrain_steps = 10_000
    config.train.sample_every = 2000
    config.train.evaluate_every = 2000
    config.train.checkpoint_every = 2000
    config.evaluate.evaluator = "iam_evaluator"
    return config
