"""How words are written with the networks: in whose hand, where on the canvas."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from hwgan.data.lexicon import noise_rows
from hwgan.models import Networks
from hwgan.models.layout import Layout
from hwgan.train_state import TrainState

Batch = dict[str, jax.Array]


def generate(
    networks: Networks,
    language_variables: Any,
    generator_variables: Any,
    z: Float[Array, "b z"],
    labels: Int[Array, "b t"],
    layout: Layout,
    *,
    train: bool,
) -> tuple[Float[Array, "b h w 1"], Any]:
    """Images of the labels in the hands of z, and the generator's new collections (none unless `train`)."""
    text = networks.language_model.apply(language_variables, labels, layout.lengths)
    if not train:
        return networks.generator.apply(generator_variables, z, text, layout, train=False), {}
    collections = [name for name in generator_variables if name != "params"]
    return networks.generator.apply(generator_variables, z, text, layout, train=True, mutable=collections)


def real_widths(networks: Networks, batch: Batch) -> Int[Array, " b"]:
    """Columns of the real images that count: a canvas of one size is read to its end, as the generated ones are."""
    widths = batch["image_width"]
    return widths if networks.has_variable_width else jnp.full_like(widths, batch["image"].shape[2])


def fake_layout(networks: Networks, batch: Batch) -> Layout:
    """Where the words to write stand, on a canvas as wide as that of the real ones."""
    return networks.layout(batch["fake_labels"], batch["fake_label_length"], batch["z"], batch["image"].shape[2])


def real_hands(networks: Networks, state: TrainState, batch: Batch) -> Float[Array, "b z"]:
    """The noise that stands for the hand of each real word: a place for its width, then what the identifier sees."""
    widths = real_widths(networks, batch)
    seen = networks.identifier.apply(state.identifier.variables, batch["image"], widths, train=False).noise
    return jnp.concatenate([jnp.zeros((seen.shape[0], 1)), seen], axis=1)


def like_real(batch: Batch) -> Bool[Array, " b"] | None:
    """Which words to write may be held against real ones: those that are not invented; None for all."""
    return ~batch["fake_invented"] if "fake_invented" in batch else None


def draw_hands(networks: Networks, batch: Batch, key: jax.Array, spread_of_invented: float = 1.0) -> Batch:
    """A hand for each word to write: normal noise, or in the second half of the rows that of the real word beside it.

    Those of invented words are so many times as far from plain. They are not held against real ones, so that they may
    teach to write readably also in hands that real words have seldom.

    Where hands differ in how wide they write, that comes with the text (`Lexicon.draw`), also if no real hands are
    known and the rest is noise everywhere: what is written must fit beside the real words.

    Returns:
      `z`, and which of them are `from_noise`.
    """
    count = batch["fake_labels"].shape[0]
    z, from_noise = jax.random.normal(key, (count, networks.z_dim)), jnp.ones(count, bool)
    if "hand" in batch:
        from_noise = jnp.array(noise_rows(count))
        z = jnp.where(from_noise[:, None], z, batch["hand"])
    if "fake_invented" in batch:
        z = jnp.where(batch["fake_invented"][:, None], spread_of_invented * z, z)
    if "fake_stretch" in batch:
        z = z.at[:, 0].set(batch["fake_stretch"])
    return {"z": z, "from_noise": from_noise}
