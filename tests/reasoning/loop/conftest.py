"""Fixtures of the loop's tests."""

import pytest

from omnisense.reasoning.loop.guided import reading


@pytest.fixture(autouse=True)
def without_embedding(request, monkeypatch):
    """Read words by patterns and lexicon alone, which needs no model; tests marked ``models`` use the embedding."""
    if not request.node.get_closest_marker("models"):
        monkeypatch.setattr(reading, "_heads", lambda: (None, reading.WITHOUT_EMBEDDING))
