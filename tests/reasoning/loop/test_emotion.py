"""What is felt: channels, and how they are pooled with the policy."""

import itertools
from dataclasses import replace

import pytest

from omnisense import Agent, InputError, ModelError, ScriptedPolicy
from omnisense.perception.types import AudioStream, Prosody, Segment, Transcript, Utterance
from omnisense.reasoning.loop.appraisal import EMOTIONS, EarlierEmotion, EmotionChannel
from omnisense.reasoning.loop.appraiser import Appraiser, emotion_weights, policy_source
from omnisense.reasoning.loop.emotion import measure, pool, tone_channel
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.state import LoopSettings, initial_state
from omnisense.reasoning.loop.words import of_labels, read_typed, split_text, words_channel
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
    "measured",
    [
        {"joy": ("joy",)},
        {"calm": ("peace",), "joy": ("joy",)},
        {"calm": (), "joy": ("joy",)},
        {"calm": ("neutral",), "Joy": ("joy",)},
    ],
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
    channels, phases = measure(percepts, percepts.timeline().events)
    felt = pool(channels, None, phases)
    assert felt.value == "joy"
    assert felt.since_s == 5.0
    assert felt.earlier == (EarlierEmotion("sadness", 5.0),)
    assert [c.name for c in channels] == ["face", "words"]
    assert felt.channels[0].evidence


def read(text, emotion=(), feelings=(), confidence=None):
    """A transcript as the model would leave it: ``emotion`` by the names of two or more."""
    labels = EMOTIONS if emotion else ()
    scores = tuple(dict(emotion).get(e, 0.02) for e in labels)
    return Transcript("", (Segment(0, 1, text, (), confidence, None, scores, feelings),), "", (), labels)


def test_words_that_the_model_reads():
    sad = words_channel([], None, read("The house is so quiet now", {"sadness": 0.8}))
    assert (sad.top, sad.evidence, sad.reliability) == ("sadness", ("typed",), 1.0)
    assert sad.probabilities["sadness"] > 0.9
    assert words_channel([], None, None) is None


def test_words_that_no_list_holds_are_no_evidence_of_neutrality():
    nothing = words_channel([], None, read_typed("The house is so quiet now", None))
    assert nothing.reliability == 0
    felt = pool([nothing], sure_of("sadness", 0.6), (), GUIDED)
    assert felt.value == "sadness"
    assert pool([nothing], None, (), GUIDED).value == "neutral"  # nothing is known


def test_the_list_counts_less_than_the_model_and_alone_where_there_is_none():
    text = "Should I tell my best friend he cheats?"
    assert words_channel([], None, read(text, {"neutral": 0.3})).top == "neutral"
    assert words_channel([], None, read_typed("I am so sad", None)).top == "sadness"


def test_a_question_is_no_surprised_person():
    asked = words_channel([], None, read("What is the capital?", {"surprise": 0.9}, ("curiosity",)))
    amazed = words_channel([], None, read("What a day!", {"surprise": 0.9}, ("surprise",)))
    assert (asked.top, amazed.top) == ("neutral", "surprise")


def test_words_that_were_hardly_recognized_weigh_little():
    sure, unsure = (words_channel([], read("x", {"anger": 0.8}, confidence=c), None) for c in (0.9, 0.45))
    assert sure.reliability == 1.0
    assert unsure.reliability <= 0.1


def calm(transcript):
    """A model that finds everything neutral."""
    scores = tuple(0.9 if e == "neutral" else 0.02 for e in EMOTIONS)
    return replace(
        transcript, segments=tuple(replace(s, emotion=scores) for s in transcript.segments), emotion_labels=EMOTIONS
    )


def test_a_language_that_the_model_does_not_know_weighs_little_and_is_noted():
    english, german = (read_typed(t, calm) for t in ("The train leaves at nine", "Ich bin traurig, mein Hund ist tot"))
    assert words_channel([], None, english).reliability == 1.0
    assert words_channel([], None, german).reliability <= 0.1
    assert english.notes == ()
    assert "another language (de)" in german.notes[0]


def test_emoji_are_read():
    read = read_typed("\N{LOUDLY CRYING FACE}\N{LOUDLY CRYING FACE} he left", None)
    assert [segment.text for segment in read.segments] == ["he left", "I am so sad."]
    assert words_channel([], None, read).top == "sadness"


def test_a_long_text_is_read_in_chunks_from_both_ends():
    text = " ".join(f"This is sentence number {i}." for i in range(1000))
    chunks = split_text(text)
    assert len(chunks) == 40
    assert chunks[0].startswith("This is sentence number 0.")
    assert chunks[-1].endswith("number 999.")
    assert max(len(chunk.split()) for chunk in chunks) <= 45
    assert split_text("word " * 100) == [" ".join(["word"] * n) for n in (45, 45, 10)]


def test_labels_of_any_classifier():
    exclusive = of_labels(("happy", "sad"), (0.8, 0.2))
    assert exclusive["joy"] == pytest.approx(4 * exclusive["sadness"])
    assert exclusive["fear"] == pytest.approx((exclusive["joy"] + exclusive["sadness"]) / 2)  # it is not known
    assert of_labels(("LABEL_0",), (1.0,)) == dict.fromkeys(EMOTIONS, 1 / 7)


def test_the_tone_of_the_main_speaker():
    labels = ("anger", "happiness", "neutral", "sadness")
    utterances = (
        Utterance(0, 4, Prosody(), "voice-1", (0.7, 0.1, 0.1, 0.1)),
        Utterance(4, 5, Prosody(), "voice-2", (0.1, 0.1, 0.1, 0.7)),
    )
    audio = AudioStream(5, (), (), utterances, (), Prosody(), emotion_labels=labels)
    tone = tone_channel(audio, [])
    assert tone.top == "anger"
    assert tone.probabilities["fear"] == pytest.approx(tone.probabilities["anger"] / 2.8)  # the head knows no fear
    assert tone_channel(AudioStream(5, (), (), (), (), Prosody()), []) is None


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "feeling"),
    [
        ("I lost ten kilos and feel great", "joy"),
        ("My name is Tom and I hate Mondays", "anger"),
        ("Should I tell my best friend he cheats?", "neutral"),
        ("I got the job!", "joy"),
        ("I feel nothing but sorrow since she is gone", "sadness"),
    ],
)
def test_typed_texts_go_through_the_text_emotion_model(perception, text, feeling):
    [channel], _ = measure(None, [], read_typed(text, perception.add_text_emotion))
    assert channel.top == feeling


def test_a_typed_text_without_the_model_is_noted(monkeypatch):
    from omnisense.perception import registry

    def absent(*_):
        raise ModelError("it is not there", "Fetch it.")

    monkeypatch.setitem(registry._LOADERS, "text_emotion", absent)
    response = Agent(ScriptedPolicy(), memory=None).respond(text="The house is so quiet now")
    assert any("no text emotion model: it is not there" in note for note in response.trace.notes)


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
        ("I got in!", ["joy"]),
        ("I got in an accident", []),
        ("I forgot it, she left messages, we made items", []),
        ("I haven't enjoyed it", ["sadness"]),
        ("It won't hurt", []),
        ("Wouldn't that be great", ["joy"]),
    ],
)
def test_cues(text, feelings):
    assert [cue.emotion for cue in emotion_cues(text)] == feelings


def test_degrees():
    plain, very, little = (emotion_cues(t)[0].weight for t in ("I am sad", "I am very sad", "I am a little sad"))
    assert little < plain < very


@pytest.mark.parametrize(
    ("language", "typed", "source"),
    [
        ("en", "", "policy"),
        ("de", "", "policy without words"),
        ("de", "I said that I am tired.", "policy"),
        ("de", "Ich habe heute gar nicht geschlafen.", "policy without words"),
    ],
)
def test_a_guided_policy_is_not_asked_where_it_has_no_words_to_read(language, typed, source):
    percepts = full()
    segments = tuple(replace(segment, language=language) for segment in percepts.transcript.segments)
    percepts = replace(percepts, transcript=replace(percepts.transcript, segments=segments, language=language))
    state = {**initial_state(None, typed, percepts=percepts), "typed_words": read_typed(typed, None) if typed else None}
    assert policy_source(state) == source
    policy = ScriptedPolicy(choices=["anger"])
    felt = Appraiser(policy, LoopSettings(guided=True)).emotion(state)["emotion"]
    assert bool(policy.calls) == (source == "policy")
    assert felt.policy_choice == ("anger" if policy.calls else None)
    shown = {**state, "media": [{"type": "audio", "audio": "a.wav"}]}  # it hears for itself
    assert policy_source(shown) == "policy"


def test_a_leading_policy_may_weigh_less_where_it_has_no_words_to_read():
    profile = PolicyProfile("any", weights={"emotion": {"policy": 1.0, "policy without words": 0.2}})
    assert emotion_weights(profile, "policy")["policy"] == 1.0
    assert emotion_weights(profile, "policy without words")["policy"] == 0.2
    older = PolicyProfile("any", weights={"emotion": {"policy": 0.8}})
    assert emotion_weights(older, "policy without words")["policy"] == LEADING["policy without words"] == 1.0
