"""What is felt: channels, and how they are pooled with the policy."""

import itertools

import pytest

from omnisense import InputError
from omnisense.reasoning.loop.appraisal import EMOTIONS, EarlierEmotion, EmotionChannel
from omnisense.reasoning.loop.emotion import measure, pool, words_channel
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.profile import PolicyProfile
from tests.perception.test_pipeline import full


def sure_of(emotion, share=0.9):
    return {e: share if e == emotion else (1 - share) / 6 for e in EMOTIONS}


def channel(name, emotion, share=0.8, reliability=0.8):
    return EmotionChannel(name, sure_of(emotion, share), reliability, "made up", ("e1",))


LEADING = PolicyProfile("any", leads=True).weights_of("emotion")
GUIDED = PolicyProfile("any", leads=False).weights_of("emotion")


@pytest.mark.parametrize(("seen", "claimed"), itertools.permutations(EMOTIONS, 2))
def test_a_leading_policy_that_is_sure_moves_the_emotion_and_a_guided_one_does_not(seen, claimed):
    assert pool([channel("face", seen)], sure_of(claimed, 0.95), (), LEADING).value == claimed
    assert pool([channel("face", seen)], sure_of(claimed, 0.95), (), GUIDED).value == seen


def test_measurements_that_agree_outweigh_a_policy_in_doubt():
    measured = [channel("face", "sadness", 0.95), channel("words", "sadness", 0.95), channel("tone", "sadness", 0.95)]
    assert pool(measured, sure_of("joy", 0.6), (), LEADING).value == "sadness"


def test_two_feelings_that_are_close_are_a_mixture():
    torn = EmotionChannel("words", {e: {"joy": 0.45, "sadness": 0.4}.get(e, 0.03) for e in EMOTIONS}, 1.0, "torn")
    felt = pool([torn], None, (), {"words": 1.0})
    assert felt.value == "joy"
    assert felt.mixture == {"joy": 0.53, "sadness": 0.47}
    assert pool([channel("words", "joy")], None, (), {"words": 1.0}).mixture == {}


def test_an_own_set_of_emotions_is_read_from_the_measured_ones():
    own = EmotionSet(
        {"pride": ("joy",), "delight": ("joy",), "shame": ("sadness", "fear"), "calm": ("neutral",)}, {}, "calm"
    )
    assert own.from_measured({"joy": 0.8, "sadness": 0.2}) == pytest.approx(
        {"pride": 0.4 / 0.9, "delight": 0.4 / 0.9, "shame": 0.1 / 0.9, "calm": 0.0}
    )
    # Only the policy tells apart what is read from the same measured emotion.
    policy = {"pride": 0.7, "delight": 0.1, "shame": 0.1, "calm": 0.1}
    assert pool([channel("face", "joy")], policy, (), LEADING, own).value == "pride"
    assert own.adjective("pride") == "pride"


@pytest.mark.parametrize(
    "measured", [{"joy": ("joy",)}, {"calm": ("peace",), "joy": ("joy",)}, {"calm": (), "joy": ("joy",)}]
)
def test_an_emotion_set_that_cannot_work_is_refused(measured):
    with pytest.raises(InputError):
        EmotionSet(measured, {}, "calm")


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
