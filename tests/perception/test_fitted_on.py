"""The list of people on whom something that ships was fitted."""

import re
from pathlib import Path

import omnisense.perception
from omnisense.perception.fitted_on import fitted, training_speakers

FOLDER = Path(omnisense.perception.__file__).parent


def test_the_tone_heads_speakers_are_those_of_its_card():
    card = (FOLDER / "emotion" / "voice_emotion.md").read_text("utf-8")
    assert set(re.findall(r"(\d\d): 0\.\d\d", card)) == training_speakers("emodb")


def test_every_head_of_recordings_is_listed():
    heads = {f.what for f in fitted() if f.kind == "head"}
    assert heads == {f"perception/emotion/{p.name}" for p in (FOLDER / "emotion").glob("voice*.npz")}
    assert training_speakers("grid") == frozenset()
