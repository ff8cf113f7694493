"""Whether a config fits its networks and its data, checked before anything is trained.

Other checks of a config, in the order in which they are made: types and fields of modules when a config is read
(`runtime.field_types`, `models.create`), numbers (`ranges`), what the words and lists of words must be (`data`), these,
and whether texts have frames enough for CTC (`alignment`). What a checkpoint that is continued must have in common with
the config is checked by the trainers.
"""

import logging

from hwgan.checkpoints.run import trains_generator
from hwgan.models.ctc import CTCRecognizer
from hwgan.models.networks import Networks
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.training.data import TrainingData
from hwgan.training.losses import BALANCING_RULES
from hwgan.training.step_config import UPDATED_NETWORKS

logger = logging.getLogger(__name__)

REAL_WORD_NETWORKS = ("recognizer", "identifier")  # trained on real words alone
_PRETRAINED_PART = 0.4  # of the steps of a short run


def fit_pretraining(train: Config) -> None:
    """Shortens `train.recognizer_pretrain_steps` in a run as short as that, so that `num_steps` alone can be set.

    A run without a generator has nothing after its pretraining.
    """
    steps, alone = train.num_steps, train.recognizer_pretrain_steps
    if "generator" not in train.updated_networks:
        train.recognizer_pretrain_steps = min(alone, steps)
    elif 1 <= steps <= alone:
        train.recognizer_pretrain_steps = int(_PRETRAINED_PART * steps)
        logger.warning(
            "train.num_steps=%d would leave the generator no step after train.recognizer_pretrain_steps=%d: recognizer "
            "and identifier are pretrained for %d steps instead, %.0f %% of the run; for another number set "
            "--config.train.recognizer_pretrain_steps",
            steps,
            alone,
            train.recognizer_pretrain_steps,
            100 * _PRETRAINED_PART,
        )


def check_networks(config: Config, networks: Networks, data: TrainingData) -> None:
    """Raises UserError where the data does not fit the networks."""
    if config.train.character_feature_matching and not isinstance(networks.recognizer, CTCRecognizer):
        raise UserError(
            f"train.character_feature_matching={config.train.character_feature_matching} finds the frames of "
            f"characters by CTC; with model.recognizer.name={config.model.recognizer.name!r} give 0"
        )
    if config.data.num_buckets > 1 and trains_generator(config) and not networks.has_variable_width:
        raise UserError(f"data.num_buckets={config.data.num_buckets}: this generator has one canvas, so it takes 1")
    if networks.has_identifier and data.train.num_writers > networks.identifier.num_writers:
        raise UserError(
            f"the training words have {data.train.num_writers} writers, more than "
            f"model.identifier.num_writers={networks.identifier.num_writers}; give "
            f"--config.model.identifier.num_writers={data.train.num_writers} or more"
        )
    if "identifier" in config.train.updated_networks and not (networks.has_identifier or trains_generator(config)):
        raise UserError(
            'train.updated_networks names "identifier", and model.identifier.name is "none": name another network'
        )
    too_few_writers = data.train.num_writers < 2 and not config.train.init_from
    if too_few_writers and networks.has_identifier:
        state = "are all by one writer" if data.train.num_writers else "name no writers"
        if trains_generator(config):
            raise UserError(
                f"the training words {state}, so there are no styles to learn from writers; let the "
                "discriminator predict z instead: --config.model.identifier.name=none "
                "--config.model.discriminator.predicted_z_dims=16"
            )
        if "identifier" in config.train.updated_networks:
            raise UserError(
                f"the training words {state}, so an identifier learns nothing from them; train without one: "
                f"--config.model.identifier.name=none --config.train.updated_networks='{_without_identifier(config)}'"
            )


def networks_of_losses(config: Config, networks: Networks) -> list[str]:
    """The networks whose gradients or features a generator of this config learns from."""
    train = config.train
    if not trains_generator(config):
        return []
    by_features = train.feature_matching or config.model.discriminator.get("feature_head_dim", 0)
    recognizer = train.ctc_weight or by_features or train.character_feature_matching
    return [
        "discriminator",
        *(["recognizer"] if recognizer else []),
        *(["identifier"] if networks.has_identifier else []),  # whose output is the style of half of the words
    ]


def describe_untrained(config: Config, name: str) -> str:
    """What is wrong where a generator learns from a network that is never trained."""
    return (
        f"train.updated_networks={tuple(config.train.updated_networks)} trains a generator by the gradients of a "
        f"{name} that stays as it was initialised, at random: name it too, or give a trained one by train.init_from"
        + ("; or give --config.model.identifier.name=none" if name == "identifier" else "")
    )


def _without_identifier(config: Config) -> str:
    """`train.updated_networks` but for the identifier, as a flag takes it."""
    others = [f'"{name}"' for name in config.train.updated_networks if name != "identifier"]
    return f"({', '.join(others)},)"


def check_training(train: Config) -> None:
    """Raises UserError for values that would train nothing, or fail after hours."""
    if train.gradient_balancing not in BALANCING_RULES:
        raise UserError(
            f"train.gradient_balancing={train.gradient_balancing!r} does not exist; there are {BALANCING_RULES}"
        )
    updated, alone = set(train.updated_networks), train.recognizer_pretrain_steps
    if not updated or updated - set(UPDATED_NETWORKS):
        raise UserError(f"train.updated_networks={train.updated_networks} must be some of {UPDATED_NETWORKS}")
    if alone and not updated & set(REAL_WORD_NETWORKS):
        raise UserError(
            f"train.recognizer_pretrain_steps={alone} update {REAL_WORD_NETWORKS}, none of "
            "which is in train.updated_networks; give 0"
        )
