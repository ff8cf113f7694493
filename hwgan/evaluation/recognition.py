"""Error rates of a recognizer on real words, by each of its decodings."""

from typing import Any

from hwgan.data.word_store import WordStore
from hwgan.evaluation.decoding import DecodingLexicon
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.intervals import Estimate
from hwgan.evaluation.results import as_results, reading_rows
from hwgan.evaluation.set_metrics import SetMetrics, error_rate_estimates


def evaluate_recognizer(
    evaluator: Evaluator, words: WordStore, train: WordStore, *, use_lexicon: bool, seed: int, beam_width: int = 0
) -> dict[str, Any]:
    """CER and WER of a recognizer on real words by greedy decoding and, optionally, with a lexicon or a beam.

    Args:
      evaluator: the recognizer.
      words: real words to recognize.
      train: training words, whose texts are the lexicon.
      use_lexicon: whether lexicon decoding is evaluated too.
      seed: seed of the bootstrap intervals.
      beam_width: of the beam search of a transducer; 0 for none.

    Returns:
      Results as JSON types.
    """
    texts, greedy = evaluator.read(words)
    metrics = error_rate_estimates(texts, greedy, words.writers, seed)
    if use_lexicon:
        readings = evaluator.read_with_lexicon(words, DecodingLexicon(train.texts, evaluator.charset))
        metrics |= _rates("lexicon", readings, words, seed)
    if beam_width:
        metrics |= _rates("beam", evaluator.read_with_beam(words, beam_width), words, seed)
    return as_results({"reading": {"real": metrics}}, SetMetrics(evaluator, [], seed)) | {
        "counts": {"reading": {"real": len(words)}},
        "readings": reading_rows("reading", "real", words, greedy),
    }


def _rates(decoding: str, transcriptions: list[str], words: WordStore, seed: int) -> dict[str, Estimate]:
    """CER and WER of another decoding than the greedy one, by names that begin with it."""
    found = error_rate_estimates(words.texts, transcriptions, words.writers, seed)
    return {f"{decoding}_{name}": found[name] for name in ("cer", "wer")}
