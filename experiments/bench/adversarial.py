"""The adversarial part of the step in four forms: as it is, with one pass of D over real and fake together, with one
drawing by G for both updates, and with both."""

from typing import Any

import jax
import jax.numpy as jnp

from experiments.bench.workload import draw
from hwgan import losses
from hwgan.writing import fake_layout, real_widths

_RATE = 1e-4  # D moves before G asks it, as in a step; how far does not matter here


def discriminator_gradients(
    discriminator: Any,
    params: Any,
    collections: Any,
    real: tuple[jax.Array, jax.Array],
    fake: tuple[jax.Array, jax.Array],
    z: jax.Array,
    *,
    style_weight: float,
    fuse: bool,
) -> tuple[Any, Any]:
    """Gradients of D's loss, and its new collections.

    Args:
      discriminator: the module.
      params: its parameters.
      collections: spectral vectors.
      real: images and widths.
      fake: images and widths.
      z: that the fakes were drawn with.
      style_weight: of guessing it.
      fuse: real and fake in one pass. Spectral vectors then move once, not twice, so that gradients are the same once
        power iteration has converged; with batch norm they are not the same at all.

    Raises:
      ValueError: to be fused, but with batch norm.
    """
    if fuse and "batch_stats" in collections:
        raise ValueError("real and fake cannot be scored in one pass: batch norm would mix them")

    def apply(params, collections, images, widths):
        variables = {"params": params, **collections}
        return discriminator.apply(variables, images, widths, train=True, mutable=list(collections))

    def loss_fn(params):
        if fuse:
            both = [jnp.concatenate(pair) for pair in zip(real, fake, strict=True)]
            output, after = apply(params, collections, *both)
            half = real[0].shape[0]
            real_scores, fake_scores, style = output.scores[:half], output.scores[half:], output.style[half:]
        else:
            on_real, after_real = apply(params, collections, *real)
            on_fake, after = apply(params, after_real, *fake)
            real_scores, fake_scores, style = on_real.scores, on_fake.scores, on_fake.style
        real_losses, fake_losses = losses.hinge_discriminator(real_scores, fake_scores)
        error = losses.style_error(style, z).mean()
        return real_losses.mean() + fake_losses.mean() + style_weight * error, after

    return jax.grad(loss_fn, has_aux=True)(params)


def make_adversarial_part(networks: Any, style_weight: float, *, fuse: bool, share: bool):
    """Returns `(state, batch, z_d, z_g) → (gradients of D, gradients of G and its language model)`.

    Args:
      networks: the modules.
      style_weight: see `StepConfig`.
      fuse: see `discriminator_gradients`.
      share: G draws once, with z_g; D learns from the same images that then teach G. Without, D's are drawn with z_d.
        Given z_d = z_g the gradients are the same, for G does not change in between.
    """

    def part(state, batch, z_d, z_g):
        before = state.discriminator
        writers = {"language_model": state.language_model.params, "generator": state.generator.params}

        def draw_with(writers, z):
            language_variables = {"params": writers["language_model"], **state.language_model.collections}
            generator_variables = {"params": writers["generator"], **state.generator.collections}
            return draw(networks, language_variables, generator_variables, batch, z)

        if share:
            image, backward, _ = jax.vjp(lambda writers: draw_with(writers, z_g), writers, has_aux=True)
            fake, z_fake = jax.lax.stop_gradient(image), z_g
        else:
            (fake, _), z_fake = draw_with(writers, z_d), z_d
        real = batch["image"], real_widths(networks, batch)
        grads_d, after = discriminator_gradients(
            networks.discriminator,
            before.params,
            before.collections,
            real,
            (fake, fake_layout(networks, batch | {"z": z_fake}).widths),
            z_fake,
            style_weight=style_weight,
            fuse=fuse,
        )
        moved = {"params": jax.tree.map(lambda p, g: p - _RATE * g, before.params, grads_d), **after}
        if not share:
            image, backward, _ = jax.vjp(lambda writers: draw_with(writers, z_g), writers, has_aux=True)

        def adversarial(image):
            widths = fake_layout(networks, batch | {"z": z_g}).widths
            output, _ = networks.discriminator.apply(moved, image, widths, train=True, mutable=list(after))
            error = losses.style_error(output.style, z_g).mean()
            return losses.hinge_generator(output.scores).mean() + style_weight * error

        (grads_g,) = backward(jax.grad(adversarial)(image))
        return grads_d, grads_g

    return part


def converge_spectral_vectors(workload: Any, num_steps: int = 50) -> Any:
    """The state of a workload after so many power iterations in D, its parameters unmoved."""
    discriminator = workload.state.discriminator
    one = workload.batch["image"][:1], real_widths(workload.networks, workload.batch)[:1]

    @jax.jit
    def run(params, collections):
        def iterate(collections, _):
            variables = {"params": params, **collections}
            _, after = workload.networks.discriminator.apply(variables, *one, train=True, mutable=list(collections))
            return dict(collections) | dict(after), None

        return jax.lax.scan(iterate, dict(collections), length=num_steps)[0]

    collections = run(discriminator.params, discriminator.collections)
    return workload.state.replace(discriminator=discriminator.replace(collections=collections))


def relative_difference(one: Any, other: Any) -> float:
    """Norm of the difference of two trees over the norm of the first."""

    def norm(tree):
        return jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(tree)))

    return float(norm(jax.tree.map(jnp.subtract, one, other)) / norm(one))
