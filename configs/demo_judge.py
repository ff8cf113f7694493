"""A recognizer trained apart, to judge what the demo writes: real penman words, other architecture, other seed.

  python -m hwgan.main --config=configs/demo_judge.py --workdir=runs/demo_judge
  python -m hwgan.main --config=configs/demo.py --workdir=runs/demo --mode=evaluate \\
      --config.evaluate.judge=runs/demo_judge
"""

from ml_collections import ConfigDict

from configs import cells


def get_config() -> ConfigDict:
    config = cells.get_config()
    config.seed = 1
    config.model.recognizer = ConfigDict(
        dict(
            name="crnn",
            conv_features=(16, 32, 64, 64),
            pools=((2, 2), (2, 2), (2, 1), (2, 1)),
            lstm_features=48,
            lstm_layers=1,
        )
    )
    config.train.updated_networks = ("recognizer",)
    config.train.num_steps = 2500
    config.optimizer.recognizer.decay_steps = config.train.get_oneway_ref("num_steps")
    return config
