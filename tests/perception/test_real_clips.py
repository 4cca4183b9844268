"""The real clips of ../shared/data: what must be seen, heard and read in them."""

import re

import numpy as np
import pytest

from omnisense.perception.vision.expressions import expression_phases

pytestmark = [pytest.mark.shared, pytest.mark.models]
DIGITS = dict(
    zip("0123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
)


def spoken_words(text):
    text = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", text.lower())
    return [DIGITS.get(word, word) for word in re.findall(r"[a-z']+|\d", text)]


def word_errors(reference, hypothesis):
    row = np.arange(len(hypothesis) + 1)
    for i, word in enumerate(reference, start=1):
        before, row = row, row.copy()
        row[0] = i
        for j, other in enumerate(hypothesis, start=1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other))
    return int(row[-1])


def test_grid_words(grid, perception):
    errors = total = 0
    for path, transcript in grid:
        percepts = perception.perceive(path)
        assert len(percepts.visual.faces) == 1
        assert percepts.visual.faces[0].position == "centre"
        errors += word_errors(spoken_words(transcript), spoken_words(percepts.transcript.text))
        total += len(transcript.split())
    assert errors / total <= 0.15


def test_grid_word_times(shared, perception):
    gold = [line.split() for line in (shared / "grid" / "swwp2s.align").read_text().splitlines()]
    starts = {word: int(begin) / 25_000 for begin, _, word in gold if word != "sil"}
    words = [
        w for s in perception.perceive(shared / "grid" / "id2_vcd_swwp2s.mpg").transcript.segments for w in s.words
    ]
    found = {w.text.strip(".").lower(): w.start_s for w in words}
    errors = [abs(found[word] - starts[word]) for word in ("set", "white", "with", "soon")]
    assert np.mean(errors) <= 0.06


def test_the_crying_woman_smiles_in_the_end(shared, perception):
    percepts = perception.perceive(shared / "faces" / "WolfgangLanger_Pexels.mp4")
    stream = percepts.visual
    assert [f.position for f in stream.faces] == ["right"]
    face = stream.faces[0]
    scores, times = np.array(face.expression), np.array(face.times_s)
    dominant = [stream.expression_labels[scores[part].mean(axis=0).argmax()] for part in (times < 8, times > 12)]
    assert dominant == ["sad", "happy"]
    phases = expression_phases(face, stream.expression_labels)
    assert phases[-1].start_s == pytest.approx(10.0, abs=1.0)
    assert percepts.transcript.segments == ()
    (hand,) = face.gestures  # she wipes her face; by eye, from 2.6 to 9.4 s
    assert hand.kind == "hand at mouth"
    assert (hand.start_s, hand.end_s) == (pytest.approx(2.6, abs=0.7), pytest.approx(9.4, abs=0.7))
    assert "holds a hand to the mouth" in percepts.render()


def test_nobody_is_nobody(shared, perception):
    assert perception.perceive(shared / "faces" / "no_face.mp4").visual.faces == ()
    assert perception.perceive(shared / "pedestrians" / "vtest_20s.avi").visual.faces == ()


def test_coming_and_going(shared, perception):
    gone = perception.perceive(shared / "faces" / "face_noface.mov").visual.faces
    come = perception.perceive(shared / "faces" / "noface_face.mov").visual.faces
    assert gone[0].start_s == 0.0
    assert gone[0].end_s < 3.5
    assert come[-1].start_s > 3.0
    assert come[-1].end_s > 5.5


def test_stills(shared, perception):
    assert len(perception.perceive(shared / "faces" / "multi_face.jpg").visual.faces) == 5
    assert len(perception.perceive(shared / "faces" / "single_face.jpg").visual.faces) == 1


def test_a_recording(shared, perception):
    percepts = perception.perceive(shared / "speech" / "jfk" / "jfk.wav")
    assert spoken_words(percepts.transcript.text) == spoken_words(
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
    )
    assert percepts.missing() == {"visual": "the file has no video track"}
    assert len(percepts.audio.pauses) >= 2


def test_a_phone_call(shared, perception):
    transcript = perception.perceive(shared / "speech" / "two_speaker_call" / "sample.wav").transcript
    lines = (shared / "speech" / "two_speaker_call" / "sample.stm").read_text().splitlines()
    reference = " ".join(word for line in lines for word in line.split()[5:])
    words = spoken_words(reference)
    assert word_errors(words, spoken_words(transcript.text)) / len(words) <= 0.2
