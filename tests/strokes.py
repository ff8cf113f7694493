"""A small run of strokes, for the tests of what samples from one."""

import dataclasses

import jax
import numpy as np

from configs import strokes_smoke
from hwgan.checkpoints.stroke_run import build_stroke_writer, ink_spec
from hwgan.data.charset import Charset
from hwgan.models.stroke_state import create_stroke_state
from hwgan.sampling.stroke_sampler import StrokeSampler, WrittenText


def small_sampler(**changes) -> StrokeSampler:
    """An untrained sampler whose writers are a and b."""
    config = strokes_smoke.get_config()
    charset = Charset("abcdefghijklmnopqrstuvwxyz")
    network, optimizer = build_stroke_writer(config, charset, ["a", "b"])
    state = create_stroke_state(network, optimizer, jax.random.key(0))
    sampler = StrokeSampler(network, {"params": state.ema}, charset, ink_spec(config), 0.5, ("a", "b"))
    return dataclasses.replace(sampler, **changes)


def sampler_that_passes(characters_per_step: float, *, lifted: bool = False, **changes) -> StrokeSampler:
    """One whose window moves at this pace, whatever it writes, and that never ends the writing by itself.

    With `lifted` each point ends a stroke.
    """
    sampler = small_sampler(**changes)
    params = dict(sampler.variables["params"])
    components = sampler.network.window_components
    params["window_kernel"] = 0 * params["window_kernel"]
    params["window_bias"] = params["window_bias"].at[2 * components :].set(np.log(characters_per_step))
    bias = params["output"]["bias"].at[-1].set(-30.0)
    params["output"] = {**params["output"], "bias": bias.at[-2].set(30.0) if lifted else bias}
    return dataclasses.replace(sampler, variables={"params": params})


def priming(count=20) -> WrittenText:
    """Strokes of the text "ab"."""
    ink = np.random.default_rng(0).standard_normal((count, 3)).astype(np.float32)
    ink[:, 2] = np.arange(count) % 5 == 4
    return WrittenText("ab", ink)
