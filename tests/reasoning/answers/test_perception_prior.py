"""What perception itself says to a question's answers."""

from dataclasses import replace

import pytest

from omnisense.perception.types import SpeakerSegment, Transcript
from omnisense.reasoning.answers.perception_prior import perception_prior
from omnisense.reasoning.answers.question import Question
from tests.perception.test_pipeline import face, full, make_percepts

FEELINGS = ("A. happy", "B. sad", "C. angry", "D. neutral")
SIDES = ("A. the person on the left", "B. the person on the right", "C. nobody", "D. both")


def best(question, percepts):
    weights = perception_prior(question, percepts).weights
    return max(weights, key=weights.__getitem__) if weights else ""


def heard(text):
    return make_percepts(transcript=Transcript("en", (replace(full().transcript.segments[0], text=text),), "test"))


def test_feelings_at_first_and_in_the_end():
    percepts = replace(full(), transcript=make_percepts().transcript)  # weeps for five seconds, then smiles
    assert best(Question("What does she feel?", "one", FEELINGS), percepts) == "A"
    assert best(Question("What does she feel at the beginning?", "one", FEELINGS), percepts) == "B"


@pytest.mark.parametrize(
    "question",
    [Question("Which emotion should you show?", "one", FEELINGS),
     Question("What does she feel?", "one", ("A. x", "B. y")),
     Question("What colour is the wall?", "one", ("A. red", "B. white")), Question("Is she lying?", "yes_no")],
)  # fmt: skip
def test_no_opinion_on_what_is_not_measured(question):
    assert perception_prior(question, full()).weights == {}
    assert perception_prior(question, None).weights == {}


def test_words_are_known_by_their_sound():
    options = ("A. set white with p two soon", "B. bin blue at f two now", "C. lay red with p nine again")
    question = Question("What does the person say?", "one", options)
    assert [best(question, heard(t)) for t in ("BIMBLUE F2 now.", "Lay red with P9 again.")] == ["B", "C"]


def test_who_speaks_by_the_mouth_that_moves():
    left, right = face("face-1"), face("face-2", position="right", x=0.7)
    base = full()
    spoken = (SpeakerSegment(1.0, 3.0, "", "face-2", False, 1.0), SpeakerSegment(5.0, 6.0, "", None, True, 0.9))
    percepts = replace(
        base, visual=replace(base.visual, faces=(left, right), expression_labels=()), speaker_segments=spoken
    )
    question = Question("Who is speaking?", "one", SIDES)
    assert best(question, percepts) == "B"
    assert "right" in perception_prior(question, percepts).reason
    assert best(question, replace(percepts, audio=replace(base.audio, speech=()))) == "C"


def test_people_are_counted_by_their_faces():
    base = full()
    two = replace(base, visual=replace(base.visual, faces=(face("face-1"), face("face-2", position="right"))))
    question = Question("How many people are there?", "number")
    assert best(question, two) == "2"
    assert best(question, replace(base, visual=replace(base.visual, faces=()))) == ""  # far away is not absent
