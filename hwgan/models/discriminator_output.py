"""The output that all discriminators share."""

import flax.struct
from jaxtyping import Array, Float


@flax.struct.dataclass
class DiscriminatorOutput:
    """Scores of a batch of images.

    Attributes:
      scores: high for real; one an image, or one of each head.
      z_prediction: prediction of the first entries of the z that an image was generated from (InfoGAN); no columns
        where there is none.
      heads: names of the heads, where there are several.
    """

    scores: Float[Array, "b *heads"]
    z_prediction: Float[Array, "b s"]
    heads: tuple[str, ...] = flax.struct.field(pytree_node=False, default=())
