"""A recognizer trained separately on words of penman, to evaluate the demo: another architecture and seed.

  python -m hwgan.main --config=configs/demo_evaluator.py --workdir=runs/demo_evaluator
  python -m hwgan.main --config=configs/demo.py --workdir=runs/demo --mode=evaluate \\
      --config.evaluate.evaluator=runs/demo_evaluator
"""

from ml_collections import ConfigDict

from configs import char_grid


def get_config() -> ConfigDict:
    config = char_grid.get_config()
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
    config.train.recognizer_pretrain_steps = 0
    return config
