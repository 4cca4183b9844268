"""What is felt: channels, pooling, and that a weak model cannot overrule a measurement."""

import itertools

import pytest

from omnisense.reasoning.loop.appraisal import EMOTIONS, EarlierEmotion, EmotionChannel
from omnisense.reasoning.loop.emotion import measure, pool, words_channel
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from tests.perception.test_pipeline import full


def sure_of(emotion, share=0.9):
    return {e: share if e == emotion else (1 - share) / 6 for e in EMOTIONS}


def channel(name, emotion, share=0.8, reliability=0.8):
    return EmotionChannel(name, sure_of(emotion, share), reliability, "made up", ("e1",))


@pytest.mark.parametrize(("seen", "claimed"), itertools.permutations(EMOTIONS, 2))
def test_a_policy_cannot_overrule_a_clear_measurement(seen, claimed):
    felt = pool([channel("face", seen)], sure_of(claimed, 1.0))
    assert felt.value == seen
    assert felt.weights["policy"] <= 0.5 * felt.weights["face"]


def test_a_policy_breaks_a_tie():
    tie = EmotionChannel("face", {e: {"sadness": 0.4, "fear": 0.38}.get(e, 0.044) for e in EMOTIONS}, 0.4, "torn")
    assert pool([tie], None).value == "sadness"
    assert pool([tie], sure_of("fear")).value == "fear"
    assert pool([tie], sure_of("joy")).value != "joy"


def test_conflict_is_kept_visible():
    felt = pool([channel("face", "joy"), channel("words", "sadness")], None)
    assert felt.conflict == "the face says joy; the words say sadness"
    assert pool([channel("face", "joy"), channel("words", "joy")], None).conflict == ""


def test_strength_grows_with_the_evidence():
    weak, strong = (pool([channel("face", "sadness", share)], None).strength for share in (0.4, 0.95))
    assert 0 < weak < strong <= 1
    assert pool([channel("face", "neutral")], None).strength == 0


def test_the_arc_of_a_face():
    percepts = full()
    channels, phases = measure(percepts, percepts.timeline().events, "")
    felt = pool(channels, None, phases)
    assert felt.value == "joy"
    assert felt.since_s == 5.0
    assert felt.earlier == (EarlierEmotion("sadness", 5.0),)
    assert [c.name for c in channels] == ["face", "words"]
    assert felt.channels[0].evidence


def test_words():
    sad = words_channel([], "My dog died yesterday and I miss him so much")
    assert sad.top == "sadness"
    assert sad.evidence == ("typed",)
    assert words_channel([], "") is None
    assert words_channel([], "Bin blue at F two now").reliability < 0.35


@pytest.mark.parametrize(
    ("text", "feelings"),
    [
        ("I am happy", ["joy"]),
        ("I am not happy", ["sadness"]),
        ("I'm not angry", []),
        ("I can't stop crying", ["sadness"]),
        ("I got the job, but I'm a bit nervous", ["joy", "fear"]),
        ("I don\u2019t know what to do", ["fear"]),
        ("The train leaves at nine", []),
        ("Not today. I am happy", ["joy"]),
    ],
)
def test_cues(text, feelings):
    assert [cue.emotion for cue in emotion_cues(text)] == feelings


def test_degrees():
    plain, very, little = (emotion_cues(t)[0].weight for t in ("I am sad", "I am very sad", "I am a little sad"))
    assert little < plain < very
