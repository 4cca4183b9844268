"""The load on the service, for seconds instead of minutes."""

import pytest

from omnisense.benchmarks.speed.service_load import live_load, text_load

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.subprocess, pytest.mark.timeout(600)]


def test_conversations_of_text(perception):
    found = text_load(3, 3)
    assert found["turns"] >= 3
    assert found["lost_turns"] == 0
    assert len(found["memory_mib"]) == 3


def test_spoken_conversations(perception):
    found = live_load(2, 8)
    assert found["spoken_turns"] >= 2
    assert found["lost_turns"] == 0
    assert found["end_of_speech_to_first_sound_s"] > 0
