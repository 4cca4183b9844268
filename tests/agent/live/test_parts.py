"""Parts of the live engine by themselves, without models: playing, interruptions, people, recording, windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.agent.live.events import LiveEvent, ReplyAudio, ReplyPaused, ReplyResumed, ReplySentence
from omnisense.agent.live.interruption import InterruptionWatch
from omnisense.agent.live.jobs import SimulatedJobs, ThreadJobs
from omnisense.agent.live.listener_face import ListenerFace
from omnisense.agent.live.people import People, told_name
from omnisense.agent.live.playing import Player, Sentence
from omnisense.agent.live.recording import Recorder
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.voice.base import PLAIN, NoVoice, VoiceStyle
from omnisense.errors import OmniSenseError
from omnisense.perception.types import Event, Segment
from omnisense.reasoning.loop.conversation import Turn


class Beeps:
    """Half a second of ones for each word."""

    name, sample_rate = "beeps", 1000

    def synthesize(self, text: str, style: VoiceStyle = PLAIN) -> Iterator[np.ndarray]:
        for number, _ in enumerate(text.split()):
            yield np.full(500, number + 1, np.float32)


def player(events: list[LiveEvent], *sentences: str, voice: Any = None) -> Player:
    jobs = SimulatedJobs(0.01)
    made = Player("reply-1", [Sentence(s) for s in sentences], voice or Beeps(), PLAIN, jobs, events.append, 0.12)
    made.is_complete = True
    return made


def run(subject: Player, start_s: float, end_s: float) -> float:
    now_s = start_s
    while now_s < end_s and not subject.is_over(now_s):
        subject.step(now_s)
        now_s = round(now_s + 0.02, 3)
    return now_s


def test_sound_is_handed_out_no_faster_than_it_is_played_but_for_the_lead() -> None:
    events: list[LiveEvent] = []
    run(player(events, "one two three four"), 0.0, 1.0)
    handed_s = sum(len(event.samples) for event in events if isinstance(event, ReplyAudio)) / 1000
    assert 1.0 <= handed_s <= 1.0 + 0.12 + 0.02


def test_a_reply_is_over_when_all_of_it_was_played_and_each_sentence_is_told_once() -> None:
    events: list[LiveEvent] = []
    subject = player(events, "one two", "three")
    end_s = run(subject, 0.0, 10.0)
    assert end_s == pytest.approx(1.5 + 2 * 0.15, abs=0.1)
    assert [event.text for event in events if isinstance(event, ReplySentence)] == ["one two", "three"]


def test_after_a_pause_the_sound_goes_on_where_it_was_heard_last() -> None:
    events: list[LiveEvent] = []
    subject = player(events, "one two three four")
    run(subject, 0.0, 1.0)
    subject.pause(1.0)
    run(subject, 1.0, 3.0)
    subject.resume(3.0)
    run(subject, 3.0, 10.0)
    paused, resumed = (next(e for e in events if isinstance(e, kind)) for kind in (ReplyPaused, ReplyResumed))
    assert paused.played_s == resumed.start_s == pytest.approx(1.0, abs=0.03)
    sound = np.zeros(2150)
    for event in events:
        if isinstance(event, ReplyAudio):
            first = round(event.start_s * 1000)
            sound[first : first + len(event.samples)] = event.samples
    assert sound[:2000].tolist() == np.repeat([1, 2, 3, 4], 500).tolist()


def test_a_reply_without_sound_is_text_at_once() -> None:
    events: list[LiveEvent] = []
    subject = player(events, "One.", "Two.", voice=NoVoice())
    run(subject, 0.0, 1.0)
    assert subject.is_over(1.0)
    assert subject.words_until(0.0) == "One. Two."
    assert [event.text for event in events if isinstance(event, ReplySentence)] == ["One.", "Two."]


def test_whole_sentences_that_were_played_need_no_alignment() -> None:
    subject = player([], "one two", "three")
    run(subject, 0.0, 1.2)
    assert subject.words_until(1.15) == "one two"


def test_sentences_that_come_later_are_played_when_they_are_known() -> None:
    events: list[LiveEvent] = []
    subject = player(events, "one two")
    subject.is_complete = False
    run(subject, 0.0, 3.0)
    assert not subject.is_over(3.0)
    subject.sentences.append(Sentence("three", ready_s=3.5))
    subject.is_complete = True
    run(subject, 3.0, 10.0)
    began = {event.text: event.at_s for event in events if isinstance(event, ReplySentence)}
    assert began["one two"] < 0.1
    assert began["three"] == pytest.approx(3.5, abs=0.05)


def test_a_check_in_takes_the_place_of_what_was_not_begun() -> None:
    events: list[LiveEvent] = []
    subject = player(events, "one two", "three four five six seven")
    run(subject, 0.0, 0.5)
    subject.end_with(Sentence("well"))
    run(subject, 0.5, 10.0)
    assert subject.text() == "one two well"
    assert [event.text for event in events if isinstance(event, ReplySentence)] == ["one two", "well"]


# --- interruptions ------------------------------------------------------------------------------------------


def decide(
    words: dict[float, str], speech_s: float, silence_s: float = 3.0, job_s: float = 0.1, confidence: float = 0.7
) -> list[tuple[float, str]]:
    """Return the decisions on one stretch of speech, of which the recognizer knows the words at each length."""
    heard = SimpleNamespace(is_speech=False, start_s=1.0, end_s=1.0, speech_s=0.0, silent_s=0.0)

    def recognize(samples: np.ndarray) -> Segment | None:
        known = [text for length_s, text in words.items() if length_s <= len(samples) / 100 + 1e-6]
        return Segment(0.0, 1.0, known[-1], confidence=confidence) if known else None

    watch = InterruptionWatch(LiveSettings(), recognize, SimulatedJobs(job_s))
    decisions = []
    for step in range(round((speech_s + silence_s) / 0.02)):
        at_s = step * 0.02
        heard.speech_s = min(at_s, speech_s)
        heard.silent_s = max(0.0, at_s - speech_s)
        heard.is_speech = at_s >= 0.1 and heard.silent_s < 0.2
        length = round(heard.speech_s * 100)
        decision = watch.step(heard, lambda n=length: np.zeros(n, np.float32), at_s)  # type: ignore[arg-type]
        if decision:
            decisions.append((at_s, decision))
    return decisions


def test_words_interrupt_after_half_a_second() -> None:
    ((at_s, decision),) = decide({0.3: "I want", 0.6: "I want to say"}, 2.0)
    assert decision == "interrupt"
    assert at_s == pytest.approx(0.52, abs=0.05)


@pytest.mark.parametrize("words", ["Yeah.", "Mm-hmm.", "That makes sense.", "Haha!"])
def test_a_backchannel_never_stops_the_agent(words: str) -> None:
    assert [decision for _, decision in decide({0.2: words}, 0.8)] == ["backchannel"]


def test_a_backchannel_that_goes_on_becomes_an_interruption() -> None:
    ((at_s, decision),) = decide({0.3: "Yeah", 0.8: "Yeah, but I never said that"}, 2.0)
    assert decision == "interrupt"
    assert at_s < 1.1


def test_a_command_interrupts_however_short_it_is() -> None:
    assert [decision for _, decision in decide({0.3: "Stop!"}, 0.42)] == ["interrupt"]


def test_where_the_recognizer_is_slow_the_agent_waits_and_goes_on_after_a_backchannel() -> None:
    decisions = [decision for _, decision in decide({0.2: "Yeah."}, 0.7, job_s=0.4)]
    assert decisions == ["hold", "resume", "backchannel"]


def test_words_that_the_recognizer_is_unsure_of_only_hold_the_agent() -> None:
    assert [decision for _, decision in decide({0.4: "It's act"}, 0.7, confidence=0.2)] == ["hold", "resume"]
    decisions = [decision for _, decision in decide({0.3: "lay blue", 0.8: "lay blue at x"}, 1.6, confidence=0.3)]
    assert decisions == ["hold", "interrupt"]


def test_a_short_sign_of_listening_that_is_misheard_does_not_stop_the_agent() -> None:
    assert [decision for _, decision in decide({0.2: "A heart, yeah"}, 0.58, confidence=0.54)] == ["hold", "resume"]
    assert [decision for _, decision in decide({0.2: "Exacting"}, 0.8, confidence=0.5)] == ["backchannel"]
    decisions = [decision for _, decision in decide({0.2: "But I", 0.75: "But I never"}, 1.2, confidence=0.5)]
    assert decisions == ["hold", "interrupt"]


def test_a_long_noise_without_words_holds_the_agent_until_two_seconds_of_silence() -> None:
    decisions = decide({}, 2.0)
    assert [decision for _, decision in decisions] == ["hold", "resume"]
    assert decisions[1][0] == pytest.approx(4.0, abs=0.1)


# --- people -------------------------------------------------------------------------------------------------


def test_a_reply_names_whom_it_answers_once_several_voices_were_heard() -> None:
    alone = People({"voice-1": "Ana"})
    assert alone.addressed("That sounds hard.", "Ana") == "That sounds hard."
    both = People({"voice-1": "Ana", "voice-2": "Ben"})
    both._voices |= {"voice-1": None, "voice-2": None}
    assert both.addressed("That sounds hard.", "Ana") == "Ana, that sounds hard."
    assert both.addressed("I hear you, Ben.", "Ben") == "I hear you, Ben."
    assert both.addressed("I hear you.", "Ben") == "Ben, I hear you."
    assert both.addressed("I'm sorry.", "Ben") == "Ben, I'm sorry."
    assert both.addressed("It sounds hard.", "Ben") == "Ben, it sounds hard."
    assert both.addressed("That sounds hard.", "voice-3") == "That sounds hard."


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My name is Anna, and I had a long day.", "Anna"),
        ("Hello, this is Diane in New Jersey.", "Diane"),
        ("And I'm Sheila in Texas.", "Sheila"),
        ("Call me ben.", "Ben"),
        ("I'm American, from Texas.", ""),
        ("This is Monday.", ""),
        ("I'm happy in Texas.", ""),
        ("This is what I mean.", ""),
        ("My name is not important.", ""),
    ],
)
def test_names_are_taken_from_introductions(text: str, name: str) -> None:
    assert told_name(text) == name


# --- recording ----------------------------------------------------------------------------------------------


def test_a_recorded_turn_is_in_the_history_with_what_was_played(tmp_path: Path) -> None:
    errors: list[tuple[str, OmniSenseError]] = []
    with Agent(ScriptedPolicy(), memory=tmp_path / "memory.sqlite") as agent:
        recorder = Recorder(agent, "ana", lambda *error: errors.append(error))
        recorder.begin("turn-1", "My dog died.")
        turn = Turn("My dog died.", "", None, "I am so", "sadness", None, interrupted=True)
        recorder.finish("turn-1", turn, ["my dog died"])
        recorder.close()
        assert agent.history("ana") == (turn,)
        assert not agent.interrupted("ana")
    assert errors == []


def test_a_turn_that_was_begun_and_not_recorded_is_answered_on_resume(tmp_path: Path) -> None:
    with Agent(ScriptedPolicy(['{"reply": "I am sorry."}']), memory=tmp_path / "memory.sqlite") as agent:
        recorder = Recorder(agent, "ana", lambda *_: None)
        recorder.begin("turn-1", "My dog died.")
        recorder.close()
        assert agent.interrupted("ana")
        response = agent.resume("ana")
        assert response is not None
        assert agent.history("ana")[-1].heard == "My dog died."


# --- jobs ---------------------------------------------------------------------------------------------------


def test_a_simulated_job_is_done_after_the_time_it_takes() -> None:
    job = SimulatedJobs(0.5).submit(lambda _: 42, 1.0)
    assert not job.is_done(1.4)
    assert job.is_done(1.5)
    assert job.result() == 42


def test_a_job_that_raises_says_so_to_whoever_asks_for_its_result() -> None:
    done: list[bool] = []
    jobs = ThreadJobs(lambda: done.append(True))
    job = jobs.submit(lambda _: 1 // 0, 0.0)
    jobs.close()
    assert done
    with pytest.raises(ZeroDivisionError):
        job.result()


# --- the listener's face ------------------------------------------------------------------------------------


class Looks:
    """A watcher of one face that looks into the camera until the third second."""

    def gaze_between(self, start_s: float, end_s: float) -> dict[str, float]:
        return {"face-1": 0.9 if end_s <= 3.0 else 0.1}


def event(start_s: float, text: str) -> Event:
    return Event("e1", start_s, start_s + 1, "face", "face-1", text, 0.7)


def test_a_face_that_falls_and_looks_away_during_the_reply_is_evidence_for_the_next_turn() -> None:
    face = ListenerFace(Looks())  # type: ignore[arg-type]
    assert not face.notice([event(1.0, "face-1 looks neutral")], is_speaking=False)
    face.begin(3.0)
    assert face.notice([event(4.0, "face-1 looks sad")], is_speaking=True)
    face.hear("Yeah.", 5.0, 5.4)
    face.end(9.0)
    (channel,) = face.channels()
    assert [found.text for found in channel.events] == [
        "while the agent spoke, face-1 looks sad",
        'while the agent spoke, the person said "Yeah."',
        "face-1 looked away while the agent spoke",
    ]
    face.begin(12.0)
    assert face.channels() == ()


def test_a_face_that_was_sad_before_does_not_fall() -> None:
    face = ListenerFace(Looks())  # type: ignore[arg-type]
    face.notice([event(1.0, "face-1 looks sad")], is_speaking=False)
    face.begin(3.0)
    assert not face.notice([event(4.0, "face-1 looks angry")], is_speaking=True)


# --- a turn out of a conversation ---------------------------------------------------------------------------


def test_a_window_of_percepts_has_its_own_times_and_nothing_from_outside() -> None:
    from dataclasses import replace

    from omnisense.perception.percepts import Percepts, Provenance
    from omnisense.perception.streaming.window import window_of
    from omnisense.perception.types import (
        AudioStream,
        ChannelEvent,
        ClipInfo,
        Missing,
        OwnChannel,
        Prosody,
        Segment,
        Span,
        SpeakerTurn,
        Transcript,
        UnclearSpeech,
        Word,
    )

    def words(start_s: float, text: str) -> Segment:
        return Segment(start_s, start_s + 1, text, (Word(text, start_s, start_s + 1),), speaker="voice-1")

    audio = AudioStream(
        20.0,
        (Span(1.0, 2.0), Span(11.0, 12.0)),
        (Span(2.0, 11.0),),
        (),
        tuple(Prosody(f0_hz=float(i)) for i in range(20)),
        Prosody(),
        (SpeakerTurn(1.0, 2.0, "voice-1"), SpeakerTurn(11.0, 12.0, "voice-1")),
    )
    whole = Percepts(
        ClipInfo("live", "audio", 20.0, 0.0, 0, 0, 0.0, "", "samples", ""),
        Missing("no frame was received"),
        audio,
        Transcript(
            "en",
            (words(1.0, "before"), words(11.0, "now")),
            "given",
            unclear=(UnclearSpeech(3.0, 4.0), UnclearSpeech(12.0, 13.0, "de"), UnclearSpeech(15.0, 16.0)),
        ),
        provenance=Provenance("1"),
    )
    noticed = OwnChannel("listening", (ChannelEvent(10.5, 11.0, "a nod"),))
    part = window_of(whole, 10.4, 13.0, (noticed,))
    assert isinstance(part.audio, AudioStream)
    assert isinstance(part.transcript, Transcript)
    assert (part.clip.start_s, part.clip.duration_s) == (10.0, 3.0)
    assert part.transcript.text == "now"
    assert part.transcript.segments[0].words[0].start_s == 1.0
    assert part.transcript.unclear == (UnclearSpeech(2.0, 3.0, "de"),)
    assert part.audio.speech == (Span(1.0, 2.0),)
    assert [second.f0_hz for second in part.audio.seconds] == [10.0, 11.0, 12.0]
    assert part.channels[0].events[0].start_s == 0.5
    assert [person.speaker for person in part.people] == ["voice-1"]
    assert replace(whole) == whole  # what it was made of is untouched
