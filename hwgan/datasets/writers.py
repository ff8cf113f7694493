"""What the number of known writers means for the styles that can be learned."""

from collections.abc import Iterable

_FEW = 10
_WITHOUT_WRITERS = "--config.model.identifier.name=none --config.model.discriminator.predicted_z_dims=16"


def warn_of_few_writers(writers: Iterable[str]) -> list[str]:
    """Warnings about the writers of the training examples.

    Args:
      writers: the writer of each example; "" if unknown.
    """
    names = list(writers)
    known = sorted(set(names) - {""})
    unknown = names.count("")
    if not known:
        return [f"no writer is known, so styles cannot be learned from writers: train with {_WITHOUT_WRITERS}"]
    warnings = [f"{unknown:,} of the {len(names):,} training examples name no writer"] if unknown else []
    if len(known) == 1:
        warnings.append(f"all training examples are by one writer, {known[0]!r}: train with {_WITHOUT_WRITERS}")
    elif len(known) < _FEW:
        warnings.append(f"the training examples are by {len(known)} writers only: few styles can be learned")
    return warnings
