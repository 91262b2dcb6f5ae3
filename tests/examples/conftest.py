"""The example's scripts import each other by bare name, as they do when run as scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the example, importable for the length of a test."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return EXAMPLES
