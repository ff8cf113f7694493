"""Warnings of a run that is going wrong, from its metrics."""

# Bounds that the curves of healthy runs keep clear of.
_MIN_STYLE_STD = 0.01
_MIN_MARGIN, _MAX_MARGIN = 0.05, 4.0  # of the mean score of real words over that of generated ones
_NO_LOSS = 1e-3  # of a running mean
_MAX_REAL_CER = 0.6  # CER of the recognizer on real words


def health_warnings(metrics: dict[str, float]) -> list[str]:
    """What is wrong with a run that trains a generator, a sentence with its metric each; empty if nothing is.

    Args:
      metrics: of the evaluation, and means of those of the last steps.
    """
    found = []
    deviation = metrics.get("evaluate/style_std")
    if deviation is not None and deviation < _MIN_STYLE_STD:
        found.append(
            "mode collapse: over 16 styles of one word and of one width, the standard deviation of a pixel (in "
            f"[-1, 1]) is {deviation:.4f} in the mean, less than {_MIN_STYLE_STD}; where "
            "writers are known, a higher train.style_weight may help"
        )
    if "discriminator/real_score" in metrics:
        margin = metrics["discriminator/real_score"] - metrics["discriminator/fake_score"]
        if margin < _MIN_MARGIN:
            found.append(
                f"weak discriminator: it scores real words only {margin:.3f} over generated ones in the mean; a higher "
                "optimizer.discriminator.learning_rate may help, or, of one with spectral norm, a new run with "
                "model.discriminator.spectral_norm=False and train.gradient_penalty=0.3"
            )
        if margin > _MAX_MARGIN:
            learns = (
                "" if metrics.get("discriminator/loss", 1.0) > _NO_LOSS else ", and as its loss is 0 it learns no more"
            )
            found.append(
                f"discriminator too strong: it scores real words {margin:.1f} over generated ones{learns}; try "
                "train.gradient_penalty=0.3, without spectral norm and batch norm in the discriminator"
            )
    cer = metrics.get("evaluate/real_cer")
    if cer is not None and cer > _MAX_REAL_CER:
        found.append(
            f"weak recognizer: {100 * cer:.0f} % CER on real words, so its gradient teaches the generator little; a "
            "new run with more train.recognizer_pretrain_steps, or from a trained one by train.init_from, may help"
        )
    return found
