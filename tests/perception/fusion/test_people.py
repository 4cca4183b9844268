"""One person, one row; channels that agree or contradict each other; what is rendered first."""

from dataclasses import replace

import pytest

from omnisense.perception.fusion.agreement import find_agreements
from omnisense.perception.fusion.people import describe_position, summarize_people
from omnisense.perception.fusion.speakers import assign_speakers
from omnisense.perception.fusion.voices import correct_voices
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import (
    AudioEvent,
    Gesture,
    Segment,
    Span,
    SpeakerSegment,
    SpeakerTurn,
    Transcript,
    Utterance,
    Word,
)
from tests.perception.test_pipeline import LABELS, face, full

TONES = ("anger", "happiness", "neutral", "sadness")


def words(text, start_s, step_s=0.5):
    return tuple(Word(w, start_s + i * step_s, start_s + (i + 1) * step_s) for i, w in enumerate(text.split()))


def two_people() -> Percepts:
    """A smiling woman on the left with a sad voice, a man on the right who answers, a voice from elsewhere."""
    base = full()
    smile, calm = [(0.95, 0.02, 0.03)] * 20, [(0.05, 0.05, 0.9)] * 20
    left = replace(face("face-1", expression=smile), facing_camera=(0.9,) * 20, gestures=(Gesture(6.0, 7.0, "nod", 2),))
    right = replace(face("face-2", expression=calm, position="right", x=0.7), facing_camera=(0.1,) * 20)
    voices = (SpeakerTurn(1.0, 3.0, "voice-1"), SpeakerTurn(5.0, 6.0, "voice-2"), SpeakerTurn(8.0, 9.0, "voice-3"))
    audio = replace(
        base.audio,
        speaker_turns=voices,
        speech=tuple(Span(v.start_s, v.end_s) for v in voices),
        emotion_labels=TONES,
        utterances=(
            Utterance(1.0, 3.0, base.audio.utterances[0].prosody, "voice-1", (0.02, 0.02, 0.02, 0.94), -0.6),
            Utterance(5.0, 6.0, base.audio.utterances[0].prosody, "voice-2", (0.1, 0.1, 0.8, 0.0), 0.2),
        ),
        events=(AudioEvent(5.0, 5.3, "interruption", ("voice-2", "voice-1")),),
    )
    transcript = Transcript(
        "en",
        (
            Segment(1.0, 3.0, "I am fine really.", words("I am fine really.", 1.0), 0.9, "voice-1", (), ("joy",), 0.6),
            Segment(5.0, 6.0, "Are you?", words("Are you?", 5.0), 0.9, "voice-2", (), ("neutral",), 0.0),
        ),
        "test",
    )
    speaking = (
        SpeakerSegment(1.0, 3.0, "voice-1", "face-1", False, 0.9),
        SpeakerSegment(5.0, 6.0, "voice-2", "face-2", False, 0.9),
        SpeakerSegment(8.0, 9.0, "voice-3", None, True, 1.0),
    )
    visual = replace(base.visual, faces=(left, right), expression_labels=LABELS)
    people = summarize_people(visual, audio, transcript, speaking)
    return replace(base, visual=visual, audio=audio, transcript=transcript, speaker_segments=speaking, people=people)


def test_one_person_one_row():
    left, right, away = two_people().people
    assert (left.name, left.faces, left.speaker, left.words) == ("the person on the left", ("face-1",), "voice-1", 4)
    assert (right.name, right.faces, right.speaker) == ("the person on the right", ("face-2",), "voice-2")
    assert (away.name, away.faces, away.speaker) == ("a voice off screen (voice-3)", (), "voice-3")
    assert left.speaking_s == 2.0
    assert left.facing_camera == pytest.approx(0.9)
    assert left.arousal == -0.6
    assert left.vocal_emotion[TONES.index("sadness")] == pytest.approx(0.94)
    assert left.gestures[0].kind == "nod"
    assert Percepts.from_json(two_people().to_json()) == two_people()


def test_channels_that_contradict_each_other_are_said_out_loud():
    (conflict,) = two_people().people[0].agreements
    assert conflict.conflict
    assert conflict.text == "the person on the left sounds sad, but looks happy and says something kind or glad"
    assert "conflict: the person on the left sounds sad, but looks happy" in two_people().render()


def test_channels_that_agree_are_said_too():
    spoken = (Segment(1.0, 3.0, "Wonderful!", (), 0.9, "voice-1", (), (), 0.8),)
    (found,) = find_agreements("she", [face(expression=[(0.9, 0.05, 0.05)] * 20)], [], spoken, LABELS, ())
    assert not found.conflict
    assert found.text == "she looks happy and says something kind or glad"
    neutral = (Segment(1.0, 3.0, "Well.", (), 0.9, "voice-1", (), (), 0.1),)
    assert find_agreements("she", [face(expression=[(0.9, 0.05, 0.05)] * 20)], [], neutral, LABELS, ()) == []


def test_the_timeline_tells_who_says_what_and_how_people_look():
    text = two_people().render()
    for line in (
        'the person on the left says (words of joy): "I am fine really."',
        'the person on the right says, higher and louder and faster than usual: "Are you?"',
        "the person on the right interrupts the person on the left",
        "the person on the left nods 2 times",
        "person-1, the person on the left: speaks 2.0 s, 4 words; mostly looks happy; faces the camera",
        "mostly looks elsewhere",
        "person-3, a voice off screen (voice-3): speaks 1.0 s, 0 words",
    ):
        assert line in text
    percepts = two_people()
    first, *others = percepts.people
    unsure = replace(percepts, people=(replace(first, expression=(0.45, 0.3, 0.25)), *others))
    assert "mostly looks happy" not in unsure.render()


def test_what_matters_comes_first_when_space_is_short():
    short = two_people().render(max_tokens=110)
    assert "conflict:" in short
    assert "I am fine really." in short
    assert "left out)" in short
    assert "cuts to another shot" not in short


def test_a_face_that_left_and_came_back_is_one_person_by_its_voice():
    visual = replace(full().visual, faces=(face("face-1", n=6), face("face-2", start_s=5.0, n=10)))
    audio = replace(full().audio, speaker_turns=(SpeakerTurn(1.0, 3.0, "voice-1"), SpeakerTurn(6.0, 8.0, "voice-1")))
    speaking = [
        SpeakerSegment(1.0, 3.0, "voice-1", "face-1", False, 1.0),
        SpeakerSegment(6.0, 8.0, "voice-1", "face-2", False, 1.0),
    ]
    (person,) = summarize_people(visual, audio, None, speaking)
    assert person.faces == ("face-1", "face-2")
    together = replace(visual, faces=(face("face-1"), face("face-2", x=0.7)))  # two at once are two people
    audio, speaking = correct_voices(audio, speaking, together.faces)
    assert [(r.faces, r.speaker, r.speaking_s) for r in summarize_people(together, audio, None, speaking)] == [
        (("face-1",), "voice-1", 2.0),
        (("face-2",), "voice-2", 2.0),
    ]


def test_a_voice_that_is_mostly_off_screen_is_not_a_face():
    audio = replace(full().audio, speaker_turns=(SpeakerTurn(0.0, 10.0, "voice-1"),))
    speaking = [
        SpeakerSegment(0.0, 1.0, "voice-1", "face-1", False, 0.2),
        SpeakerSegment(1.0, 10.0, "voice-1", None, True, 1.0),
    ]
    visual = replace(full().visual, faces=(face("face-1"),))
    audio, speaking = correct_voices(audio, speaking, visual.faces)
    rows = summarize_people(visual, audio, None, speaking)
    assert [(r.faces, r.speaker) for r in rows] == [(("face-1",), ""), ((), "voice-1")]


def test_a_voice_off_screen_that_was_merged_with_a_face_in_view_is_somebody_else():
    visual = replace(full().visual, faces=(face("face-1", n=20),))
    audio = replace(full().audio, speaker_turns=(SpeakerTurn(1.0, 5.0, "voice-1"),))
    speaking = [
        SpeakerSegment(1.0, 3.0, "voice-1", "face-1", False, 0.9),
        SpeakerSegment(3.0, 5.0, "voice-1", None, True, 0.9),
    ]
    audio, speaking = correct_voices(audio, speaking, visual.faces)
    assert audio.speaker_turns == (SpeakerTurn(1.0, 3.0, "voice-1"), SpeakerTurn(3.0, 5.0, "voice-2"))
    rows = summarize_people(visual, audio, None, speaking)
    assert [(r.name, r.speaking_s) for r in rows] == [
        ("the person in view", 2.0),
        ("a voice off screen (voice-2)", 2.0),
    ]


def test_a_voice_goes_on_where_its_face_is_not_in_view():
    visual = replace(full().visual, faces=(face("face-1", n=6),))  # until second 3
    audio = replace(full().audio, speaker_turns=(SpeakerTurn(1.0, 6.0, "voice-1"),))
    speaking = [
        SpeakerSegment(1.0, 3.0, "voice-1", "face-1", False, 0.9),
        SpeakerSegment(3.0, 6.0, "voice-1", None, True, 0.9),
    ]
    assert correct_voices(audio, speaking, visual.faces) == (audio, speaking)
    (row,) = summarize_people(visual, audio, None, speaking)
    assert row.speaking_s == 5.0


def test_two_voices_of_one_mouth_are_one():
    visual = replace(full().visual, faces=(face("face-1"),))
    turns = (SpeakerTurn(1.0, 4.0, "voice-1"), SpeakerTurn(5.0, 6.0, "voice-2"))
    utterances = tuple(Utterance(t.start_s, t.end_s, full().audio.utterances[0].prosody, t.speaker) for t in turns)
    audio = replace(full().audio, speaker_turns=turns, utterances=utterances)
    speaking = [SpeakerSegment(t.start_s, t.end_s, t.speaker, "face-1", False, 0.9) for t in turns]
    audio, speaking = correct_voices(audio, speaking, visual.faces)
    assert {t.speaker for t in (*audio.speaker_turns, *audio.utterances, *speaking)} == {"voice-1"}
    (row,) = summarize_people(visual, audio, None, speaking)
    assert row.speaking_s == 4.0


def test_without_diarization_rows_come_from_who_is_talking():
    visual = replace(full().visual, faces=(face("face-1"), face("face-2", x=0.7)))
    audio = replace(full().audio, speaker_turns=(), utterances=())
    speaking = [
        SpeakerSegment(1.0, 3.0, "", "face-2", False, 0.9),
        SpeakerSegment(5.0, 6.0, "", None, True, 0.9),
    ]
    transcript = Transcript("en", (Segment(1.0, 3.0, "a b", words("a b", 1.0, 1.0), 0.8),), "test")
    rows = summarize_people(visual, audio, transcript, speaking)
    found = {r.name: (r.speaking_s, r.words) for r in rows}
    assert found == {
        "the person on the left": (0.0, 0),
        "the person on the right": (2.0, 2),
        "a voice off screen": (1.0, 0),
    }


def test_nobody():
    assert summarize_people(None, None, None, []) == ()


def test_places_are_named_as_people_would():
    def places(*xs):
        faces = [face(f"face-{i}", x=x) for i, x in enumerate(xs)]
        return [describe_position(f, faces) for f in faces]

    assert places(0.1, 0.3) == ["on the left", "on the right"]
    assert places(0.7, 0.1, 0.4) == ["on the right", "on the left", "in the middle"]
    assert places(0.0, 0.2, 0.4, 0.6) == ["on the left", "second from the left", "third from the left", "on the right"]
    assert describe_position(face(position="centre"), [face(position="centre")]) == "in the centre"


# --- whose words ----------------------------------------------------------------------------------------------


def test_a_sentence_that_two_voices_share_is_parted():
    turns = [SpeakerTurn(0.0, 1.0, "voice-1"), SpeakerTurn(1.0, 3.0, "voice-2")]
    transcript = Transcript("en", (Segment(0.0, 3.0, "a b c d e f", words("a b c d e f", 0.0), 0.8),), "test")
    found = assign_speakers(transcript, turns).segments
    assert [(s.speaker, s.text) for s in found] == [("voice-1", "a b"), ("voice-2", "c d e f")]
    assert all(w.speaker == s.speaker for s in found for w in s.words)
    assert assign_speakers(transcript, []) == transcript


def test_a_stray_word_stays_with_its_sentence():
    turns = [SpeakerTurn(0.0, 1.0, "voice-1"), SpeakerTurn(1.0, 1.5, "voice-2"), SpeakerTurn(1.5, 3.0, "voice-1")]
    transcript = Transcript("en", (Segment(0.0, 3.0, "a b c d e f", words("a b c d e f", 0.0)),), "test")
    assert [s.speaker for s in assign_speakers(transcript, turns).segments] == ["voice-1"]


def test_the_first_words_of_a_sentence_stay_with_it_where_the_turn_before_ends_late():
    sentence = Segment(2.0, 4.5, "a b c d e", words("a b c d e", 2.0))
    border = 3.1
    turns = [SpeakerTurn(0.0, border, "voice-1"), SpeakerTurn(border, 5.0, "voice-2")]
    late = assign_speakers(Transcript("en", (sentence,), "test"), turns)
    assert [s.speaker for s in late.segments] == ["voice-2"]
    turns = [SpeakerTurn(2.0, border, "voice-1"), SpeakerTurn(border, 5.0, "voice-2")]  # who begins to speak with it
    begun = assign_speakers(Transcript("en", (sentence,), "test"), turns)
    assert [s.text for s in begun.segments] == ["a b", "c d e"]


def test_where_voices_overlap_the_sentence_decides():
    turns = [SpeakerTurn(0.0, 2.0, "voice-1"), SpeakerTurn(1.0, 4.0, "voice-2")]
    transcript = Transcript("en", (Segment(1.0, 4.0, "a b c d e f", words("a b c d e f", 1.0)),), "test")
    assert [s.speaker for s in assign_speakers(transcript, turns).segments] == ["voice-2"]


def test_words_far_from_any_voice_have_no_speaker():
    transcript = Transcript("en", (Segment(5.0, 5.5, "a", words("a", 5.0)),), "test")
    assert assign_speakers(transcript, [SpeakerTurn(0.0, 1.0, "voice-1")]).segments[0].speaker is None
    near = assign_speakers(transcript, [SpeakerTurn(4.0, 4.8, "voice-1")])
    assert near.segments[0].speaker == "voice-1"
