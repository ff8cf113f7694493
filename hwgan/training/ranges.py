"""Ranges of the numbers of a config, which are checked before data is loaded: some would fail only after hours."""

import math

from hwgan.runtime.config import Config
from hwgan.runtime.untrusted import MAX_SEED, check_number

_INF = math.inf
_WHOLE = {  # whole numbers, by their paths: (lowest, highest). A task need not have them all.
    "seed": (0, MAX_SEED),
    # A compiled step holds some four thousand memory mappings on CPUs, and Linux grants 65,530 to a process
    # (vm.max_map_count): with many widths XLA would crash.
    "data.num_buckets": (1, 8),
    "data.min_length": (0, _INF),
    "train.batch_size": (1, _INF),
    "train.num_steps": (1, _INF),
    "train.recognizer_pretrain_steps": (0, _INF),
    "train.discriminator_steps_per_generator_step": (1, _INF),
    "train.gradient_accumulation_steps": (1, _INF),
    "train.log_every": (1, _INF),
    "train.sample_every": (1, _INF),
    "train.evaluate_every": (1, _INF),
    "train.checkpoint_every": (1, _INF),
    "train.keep_checkpoints": (1, _INF),
    "evaluate.examples": (1, _INF),
    "evaluate.real_words": (1, _INF),
    "evaluate.generated_words": (0, _INF),
    "evaluate.generated": (0, _INF),
    "sample_grid.num_styles": (1, 1000),  # rows of a picture
}
_REAL = {
    "data.real_fraction": (0, 1),
    "data.generated_fraction": (0, 1),
    "data.random_text_fraction": (0, 1),
    "train.ctc_weight": (0, _INF),
    "train.ctc_length_exponent": (0, 10),
    "train.style_weight": (0, _INF),
    "train.z_prediction_weight": (0, _INF),
    "train.recognizer_noise": (0, _INF),
    "train.gradient_penalty": (0, _INF),
    "train.gradient_penalty_share": (0.01, 1),
    "train.random_text_temperature": (0, _INF),
    "train.feature_matching": (0, _INF),
    "train.character_feature_matching": (0, _INF),
    "train.ema_decay": (0, 1),
    "train.weight_noise": (0, _INF),
    "train.unknown_writers": (0, 1),
}
_WHOLE_OF_OPTIMIZERS = {"warmup_steps": (0, _INF), "decay_steps": (0, _INF)}
_REAL_OF_OPTIMIZERS = {"learning_rate": (0, _INF), "b1": (0, 1), "b2": (0, 1), "clip_norm": (0, _INF)}


def check_ranges(config: Config) -> None:
    """Raises UserError if a number of `data`, `train`, `optimizer` or the like is out of its range."""
    values = {"seed": config.seed}
    for section in ("data", "train", "evaluate", "sample_grid"):
        values |= {f"{section}.{name}": value for name, value in config[section].items()}
    for ranges, whole in ((_WHOLE, True), (_REAL, False)):
        for path, (low, high) in ranges.items():
            if path in values:
                check_number(path, values[path], low, high, whole=whole)
    for network, rates in config.optimizer.items():
        for ranges, whole in ((_WHOLE_OF_OPTIMIZERS, True), (_REAL_OF_OPTIMIZERS, False)):
            for name, (low, high) in ranges.items():
                check_number(f"optimizer.{network}.{name}", rates[name], low, high, whole=whole)
