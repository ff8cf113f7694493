"""What every process of hwgan sets before jax starts its backend, in one place."""

from hwgan.runtime.compilation_cache import use_compilation_cache
from hwgan.runtime.cpu import use_correct_convolutions, use_granted_cores


def prepare_backend() -> None:
    """Sets XLA's options and the folder of compiled programs; without effect on a backend that has started."""
    use_correct_convolutions()
    use_granted_cores()
    use_compilation_cache()
