"""XLA's settings on CPUs, to be made before jax makes its backend."""

import os

import jax

_YNN_FLAG = "xla_cpu_experimental_ynn_fusion_type"
_YNN_VERSIONS = ((0, 10), (0, 12))  # of jax that know the flag: an unknown one ends the process


def use_correct_convolutions() -> None:
    """Turns off YNN fusion on CPUs, which gives wrong gradients and is slower.

    With it, gradients of the networks here are wrong by 0.4 % (a max pool of strided slices: 28 %) and a step takes
    1.1 to 1.4 times as long (jaxlib 0.10.2). Other backends ignore the flag. What the user has set in XLA_FLAGS stays.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    first, end = _YNN_VERSIONS
    if _YNN_FLAG not in flags and first <= jax.__version_info__[:2] < end:
        os.environ["XLA_FLAGS"] = f"{flags} --{_YNN_FLAG}=".strip()
