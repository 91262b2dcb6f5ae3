"""The tables of a comparison, as Markdown."""

from __future__ import annotations

import json

import show_expression
from click.testing import CliRunner


def model(setting, name, auroc):
    return {
        "setting": setting, "cell": "K562", "model": name, "genes": 1000, "seeds": 2,
        "auroc": auroc, "low": auroc - 0.01, "high": auroc + 0.01, "seed_sd": 0.001,
    }  # fmt: skip


def difference(first, second, setting="one", value=0.02):
    return {
        "setting": setting, "cell": "K562", "genes": 1000, "first": first, "second": second,
        "second_setting": "one", "difference": value, "low": value - 0.01, "high": value + 0.01,
        "p": 0.002, "q": 0.004,
    }  # fmt: skip


def test_every_row_is_in_its_table(tmp_path):
    record = {
        "provenance": {"command": "mfdvep expression compare"},
        "models": [
            model("one", "boosting", 0.9),
            model("one", "simplechrome", 0.92),
            model("all", "simplechrome", 0.93),
        ],
        "differences": [
            difference("simplechrome", "boosting"),
            difference("simplechrome_k2", "simplechrome", value=-0.03),
            difference("simplechrome", "simplechrome", setting="all", value=0.04),
        ],
    }
    (tmp_path / "comparison.json").write_text(json.dumps(record))
    done = CliRunner().invoke(show_expression.main, [str(tmp_path)])
    assert done.exit_code == 0, done.output
    for line in (
        "| 1,000 | boosting | 2 | 0.900 (0.890 to 0.910) |",
        "| 1,000 | simplechrome - boosting | K562 | +0.020 | +0.010 to +0.030 | 0.004 |",
        "| 1,000 | simplechrome_k2 - simplechrome | K562 | -0.030 | -0.040 to -0.020 | 0.004 |",
        "| all cells - the cell itself | 1,000 | K562 | +0.040 | +0.030 to +0.050 | 0.004 |",
        "Trained on all cells",
    ):
        assert line in done.output
