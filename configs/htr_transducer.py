"""A transducer in place of CTC: `configs/htr.py` with a recognizer that knows what it has read.

  python -m hwgan.main --config=configs/htr_transducer.py --workdir=runs/htr_transducer
  python -m hwgan.main --config=configs/htr_transducer.py --workdir=runs/htr_transducer --mode=evaluate \\
      --config.evaluate.beam_width=4

The encoder is that of configs/htr.py. On any other config a transducer is asked for by
--config.model.recognizer.name=transducer, where the recognizer is a crnn.
"""

from ml_collections import ConfigDict

from configs import htr


def get_config() -> ConfigDict:
    config = htr.get_config()
    config.model.recognizer.update(name="transducer", prediction_features=128, max_symbols_per_frame=4)
    return config
