"""What perception says to a question's answers, whatever the wording of the question."""

from dataclasses import replace

import pytest

from omnisense.perception.types import (
    AudioStream,
    Gesture,
    Prosody,
    Segment,
    Span,
    SpeakerSegment,
    SpeakerTurn,
    Transcript,
    Utterance,
)
from omnisense.reasoning.answers.channels import QuestionChannels
from omnisense.reasoning.answers.evidence import render_evidence
from omnisense.reasoning.answers.measured import measure, pool
from omnisense.reasoning.answers.question import Question
from tests.perception.test_pipeline import face, full, make_percepts

FEELINGS = ("A. happy", "B. sad", "C. angry", "D. neutral")
SIDES = ("A. the person on the left", "B. the person on the right", "C. nobody", "D. both")
FEELING = {"tone": 0.9, "expression": 0.9, "text emotion": 0.9}


def asks(*names, time="none", topic=""):
    return QuestionChannels(topic or names[0], dict.fromkeys(names, 0.9), time)


def best(question, channels, percepts):
    found = measure(question, channels, percepts)
    if not found:
        return ""
    shares = pool(question, found, None, dict.fromkeys([m.channel for m in found], 1.0))
    return max(shares, key=shares.__getitem__)


def voiced(emotion, text="Thank you for watching!", confidence=0.4):
    """A voice with an emotion, and words that the recognizer may be unsure of."""
    labels = ("anger", "happiness", "neutral", "sadness")
    scores = tuple(0.91 if label == emotion else 0.03 for label in labels)
    audio = AudioStream(
        4.0,
        (Span(0.0, 4.0),),
        (),
        (Utterance(0.0, 4.0, Prosody(200.0), emotion=scores),),
        (),
        Prosody(),
        (),
        {},
        (),
        labels,
    )
    words = ("anger", "joy", "neutral", "sadness")
    segment = Segment(0.0, 4.0, text, (), confidence, emotion=(0.02, 0.9, 0.05, 0.03), feelings=("joy",))
    return make_percepts(audio=audio, transcript=Transcript("en", (segment,), "test", (), words))


def test_a_question_of_tone_is_answered_by_the_voice_and_not_by_misheard_words():
    question = Question("How does the speaker sound?", "one", FEELINGS)
    for emotion, right in (("anger", "C"), ("sadness", "B"), ("neutral", "D"), ("happiness", "A")):
        assert best(question, asks("tone"), voiced(emotion)) == right
        assert best(question, asks(*FEELING), voiced(emotion)) == right
    found = {m.channel: m for m in measure(question, asks(*FEELING), voiced("anger", confidence=0.95))}
    assert found["text emotion"].reliability > 0.3
    assert "text emotion" not in {m.channel for m in measure(question, asks(*FEELING), voiced("anger"))}


def test_misheard_words_are_not_shown():
    question = Question("How does she sound?", "one", FEELINGS)
    shown = render_evidence(question, asks("tone"), voiced("anger"))
    assert "watching" not in shown
    assert "the words are unclear" in shown
    assert "watching" in render_evidence(question, asks("tone"), voiced("anger", confidence=0.95))


def test_faces_at_first_and_in_the_end():
    percepts = replace(full(), transcript=make_percepts().transcript)  # weeps for five seconds, then smiles
    question = Question("What does her face show?", "one", FEELINGS)
    assert best(question, asks("expression", time="beginning"), percepts) == "B"
    assert best(question, asks("expression", time="end"), percepts) == "A"
    assert best(Question("What does she show from 1 to 4 s?", "one", FEELINGS), asks("expression"), percepts) == "B"
    (found,) = measure(question, asks("expression", time="end"), percepts)
    (cited,) = [e for e in percepts.timeline().events if e.id in found.evidence]
    assert "happy" in cited.text


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("Does she look sad?", "no"),
        ("Is she smiling?", "yes"),
        ("Is her face calm?", "no"),
        ("Does she look blue?", ""),
    ],
)
def test_yes_or_no_about_a_face(text, emotion):
    percepts = replace(full(), transcript=make_percepts().transcript)
    assert best(Question(text, "yes_no"), asks("expression", time="end"), percepts) == emotion


@pytest.mark.parametrize(
    ("question", "channels"),
    [(Question("What should you show?", "one", FEELINGS), QuestionChannels()),
     (Question("What does she feel?", "one", ("A. x", "B. y")), asks(*FEELING)),
     (Question("Is she lying?", "yes_no"), QuestionChannels()),
     (Question("Describe it.", "text"), asks("expression"))],
)  # fmt: skip
def test_no_opinion_on_what_is_not_measured(question, channels):
    assert measure(question, channels, full()) == ()
    assert measure(question, channels, None) == ()


def heard(*texts, confidence=None):
    segments = tuple(Segment(float(i), i + 1.0, text, (), confidence) for i, text in enumerate(texts))
    return make_percepts(transcript=Transcript("en", segments, "test"))


def test_words_are_known_by_their_sound():
    options = ("A. set white with p two soon", "B. bin blue at f two now", "C. lay red with p nine again")
    question = Question("What does the person say?", "one", options)
    assert [best(question, asks("words"), heard(t)) for t in ("BIMBLUE F2 now.", "Lay red with P9 again.")] == [
        "B",
        "C",
    ]
    both = heard("BIMBLUE F2 now.", "Lay red with P9 again.")
    assert best(question, asks("words", time="beginning"), both) == "B"
    assert best(question, asks("words", time="end"), both) == "C"
    assert (
        best(question, asks("words"), heard("Lay red with P9 again.", confidence=0.5)) == "C"
    )  # an option repeats them
    assert best(question, asks("words"), heard("Thank you for watching!", confidence=0.5)) == ""
    assert best(Question('Does she say "lay red"?', "yes_no"), asks("words"), both) == "yes"
    assert best(Question('Does she say "go home"?', "yes_no"), asks("words"), both) == "no"


def pair(*spoken, speech=None):
    base = full()
    left, right = face("face-1"), face("face-2", position="right", x=0.7)
    visual = replace(base.visual, faces=(left, right), expression_labels=())
    audio = base.audio if speech is None else replace(base.audio, speech=speech)
    return replace(base, visual=visual, audio=audio, speaker_segments=spoken)


def test_who_speaks_by_the_mouth_that_moves():
    percepts = pair(SpeakerSegment(1.0, 3.0, "", "face-2", False, 1.0))
    question = Question("Who is speaking?", "one", SIDES)
    (found,) = measure(question, asks("speaker"), percepts)
    assert max(found.probabilities, key=found.probabilities.__getitem__) == "B"
    assert "right" in found.reason
    assert best(question, asks("speaker"), pair(speech=())) == "C"
    unseen = Question("Where is the speaker?", "one", ("A. left", "B. right", "C. off screen"))
    assert best(unseen, asks("speaker"), pair(SpeakerSegment(1.0, 3.0, "", None, True, 0.9))) == "C"
    assert best(Question("Is the person on the left talking?", "yes_no"), asks("speaker"), percepts) == "no"
    assert best(Question("Who stays silent?", "one", SIDES), asks("speaker"), percepts) == "A"


def test_who_speaks_first_and_last_and_after():
    percepts = pair(
        SpeakerSegment(1.0, 3.0, "", "face-2", False, 1.0), SpeakerSegment(5.0, 6.0, "", "face-1", False, 1.0)
    )
    question = Question("Who speaks?", "one", SIDES)
    assert best(question, asks("speaker"), percepts) == "D"
    assert best(question, asks("speaker", time="beginning"), percepts) == "B"
    assert best(question, asks("speaker", time="end"), percepts) == "A"
    assert best(Question("Who speaks between 4 and 7 s?", "one", SIDES), asks("speaker"), percepts) == "A"


def test_people_and_voices_are_counted():
    base = full()
    two = replace(base, visual=replace(base.visual, faces=(face("face-1"), face("face-2", position="right"))))
    question = Question("How many people are there?", "number")
    assert best(question, asks("people"), two) == "2"
    assert (
        best(question, asks("people"), replace(base, visual=replace(base.visual, faces=()))) == ""
    )  # far away is not absent
    assert best(Question("How many?", "one", ("A. one", "B. two", "C. 5")), asks("people"), two) == "B"
    assert best(Question("Is she alone?", "yes_no"), asks("people"), two) == "no"
    turns = (SpeakerTurn(0, 2, "voice-1"), SpeakerTurn(2, 4, "voice-2"), SpeakerTurn(4, 6, "voice-3"))
    three = replace(base, audio=replace(base.audio, speaker_turns=turns))
    assert best(question, asks("speaker", "people", topic="voices"), three) == "3"


def test_gestures_and_gaze():
    base = full()
    nodding = replace(
        face(), gestures=(Gesture(2.0, 3.0, "nod", 3),), head_pose=((-20.0, 0.0, 0.0),) * 20, facing_camera=(0.1,) * 20
    )
    percepts = replace(base, visual=replace(base.visual, faces=(nodding,)))
    options = ("A. shakes the head", "B. nods", "C. crosses the arms")
    assert best(Question("What does she do?", "one", options), asks("gesture"), percepts) == "B"
    assert best(Question("Does she nod?", "yes_no"), asks("gesture"), percepts) == "yes"
    assert best(Question("Does she wave?", "yes_no"), asks("gesture"), percepts) == "no"
    assert best(Question("How many times does she nod?", "number"), asks("gesture"), percepts) == "3"
    looks = Question("Where does she look?", "one", ("A. into the camera", "B. to the left", "C. to the right"))
    assert best(looks, asks("gaze"), percepts) == "B"


@pytest.mark.models
def test_when_how_long_and_in_which_order():
    percepts = full()
    when = Question("When does she say: really?", "one", ("A. at 1 s", "B. at 5 s", "C. at 9 s"))
    assert best(when, asks("words", "time", time="when"), percepts) == "B"
    how_long = Question("How long does somebody speak?", "one", ("A. 1 second", "B. about 3 seconds", "C. 10 seconds"))
    assert best(how_long, asks("speaker", "time", time="duration"), percepts) == "B"
    pause = Question("How long is the pause?", "one", ("A. 2 s", "B. 6 s"))
    assert best(pause, asks("time", time="duration"), percepts) == "A"
    events = ("A. she looks happy", "B. she looks sad", "C. somebody says: really")
    assert best(Question("What is seen first?", "one", events), asks("events", time="beginning"), percepts) == "B"


@pytest.mark.models
def test_of_a_long_clip_the_events_that_bear_on_the_question_are_shown():
    said = [f"We then talk about item {i} of the long agenda." for i in range(300)]
    said[137] = "My neighbour has a parrot that whistles."
    question = Question("What whistles?", "one", ("A. a kettle", "B. a bird"))
    shown = render_evidence(question, asks("words"), heard(*said), max_tokens=300)
    assert "parrot" in shown
    assert len(shown) < 300 * 4
