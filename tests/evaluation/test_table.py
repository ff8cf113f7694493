"""Results as a Markdown table."""

from hwgan.evaluation.table import as_table


def test_table():
    results = {
        "metrics": {"words": {"generated": {"cer": {"value": 0.123, "low": 0.1, "high": 0.15}}, "real": {}}},
        "evaluator": {"name": "own", "checksum": "ab"},
        "features": {"recognizer": {"checksum": "ab"}},
        "seed": 3,
        "preprocessing": {"revision": 4},
    }
    assert "| | generated | real |" in as_table(results)
    counted = as_table(results | {"counts": {"words": {"generated": 1234, "real": 56, "dropped": {}}}})
    assert "| | generated (1,234 words) | real (56 words) |" in counted
    assert "| cer | 12.3 % (10.0 to 15.0) |  |" in as_table(results)
    assert (
        as_table(results)
        .rstrip()
        .endswith("evaluator own ab; seed 3; preprocessing revision 4; features recognizer ab.")
    )
