"""Interruptions and backchannels for the measurement of live conversation."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense import models
from omnisense.agent.agent import Agent
from omnisense.agent.live.events import Backchannel, ReplyEnded, ReplyPaused, ReplySentence, ReplyWritten
from omnisense.agent.live.scenario import voiced
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.simulation import Simulation
from omnisense.agent.live.speech_detector import SpeechDetector
from omnisense.agent.voice.base import Voice, VoiceStyle
from omnisense.agent.voice.played import at_16_khz
from omnisense.agent.voice.styles import style_of
from omnisense.benchmarks.speed.live_turns import by_telephone, call_utterances, grid_sentences
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

SETTINGS = LiveSettings(partials_s=0.0)  # these are for show: no decision depends on them
REPLY = (
    "I hear how much that matters to you, and I would like to understand it better. Tell me a little more about what "
    "happened after that, and how it felt when you were there."
)
_INTERRUPTIONS = (
    "No, that is not what I meant.",
    "Can I say something about that?",
    "I want to talk about something else.",
    "But he never came back.",
    "Please do not ask me about it.",
    "My brother was there as well.",
    "Sorry, somebody is at the door.",
    "Do you think that it was my fault?",
)
_BACKCHANNELS = (
    "Yeah.",
    "Mm-hmm.",
    "Uh-huh.",
    "Right.",
    "Okay.",
    "I see.",
    "Oh, wow.",
    "Sure.",
    "Really?",
    "Oh.",
    "Yeah, yeah.",
    "Got it.",
    "Of course.",
    "Hmm.",
    "Yep.",
    "Exactly.",
    "Ha ha ha.",
    "That makes sense.",
    "True.",
    "Alright.",
)
# Nothing was set on these: other words, another voice, and recordings of a meeting and of read speech.
_UNSEEN_INTERRUPTIONS = (
    "Could we speak about my job instead?",
    "She told me the opposite.",
    "That is not true at all.",
    "Let me tell you how it started.",
    "You are not listening to me.",
    "How do you know what I feel?",
    "Actually, I would like to go home now.",
    "The phone is ringing, I must go.",
)
# Continuers and assessments like those in the manual of the Switchboard dialogue acts (Jurafsky et al., 1997), chosen
# without looking at the list of `agent/live/backchannels.py`. What the list lacks stays out of it.
_UNSEEN_BACKCHANNELS = (
    "Yes.",
    "Oh, yeah.",
    "Oh, okay.",
    "That's right.",
    "I know.",
    "No kidding.",
    "Wow.",
    "Great.",
    "That's true.",
    "I understand.",
    "Oh no.",
    "Oh my goodness.",
    "No way.",
    "That's good.",
    "Absolutely.",
    "Um-hum.",
    "Go on.",
)
# Recording under ``speech``, and where in it.
_MEETING_BACKCHANNELS = (("ami/trn01.flac", 22.2, 22.8), ("ami/dev00.flac", 5.6, 6.0), ("ami/dev00.flac", 18.0, 18.5))
_RECORDED_INTERRUPTIONS = (
    ("ami/dev00.flac", 2.1, 3.9),
    ("ami/dev00.flac", 26.1, 28.4),
    ("speechbrain/VAD/valid.wav", 0.3, 2.85),
    ("speechbrain/VAD/valid.wav", 4.05, 6.0),
    ("speechbrain/VAD/valid.wav", 8.1, 9.66),
    ("jfk/multilingual.mp3", 0.05, 3.0),
    ("jfk/multilingual.mp3", 23.05, 26.0),
)
_PERSON, _OTHER_PERSON = VoiceStyle(pace=1.0, pitch_st=-4.0), VoiceStyle(pace=1.05, pitch_st=1.5)


def interruptions(data: Path, voice: Voice, unseen: bool) -> list[tuple[str, np.ndarray]]:
    """Return twenty interruptions with their words, or where they are from: recorded and synthesized ones.

    Args:
        data: the folder with ``grid`` and ``speech``.
        voice: speaks the synthesized ones.
        unseen: whether to return those that nothing was set on.
    """
    if unseen:
        recorded = [_piece(data, *piece) for piece in _RECORDED_INTERRUPTIONS]
        recorded += [(f"{name}, by telephone", by_telephone(samples)) for name, samples in recorded[:5]]
        return [*recorded, *((text, voiced(voice, text, _OTHER_PERSON)) for text in _UNSEEN_INTERRUPTIONS)]
    call = [item for item in call_utterances(data) if len(item[0].split()) >= 4][:5]
    spoken = [(text, voiced(voice, text, _PERSON)) for text in _INTERRUPTIONS]
    return [*grid_sentences(data), *call, *spoken][:20]


def backchannels(data: Path, voice: Voice, unseen: bool) -> list[tuple[str, np.ndarray]]:
    """Return twenty backchannels; arguments as for :func:`interruptions`."""
    if unseen:
        recorded = [_piece(data, *piece) for piece in _MEETING_BACKCHANNELS]
        return [*recorded, *((text, voiced(voice, text, _OTHER_PERSON)) for text in _UNSEEN_BACKCHANNELS)]
    return [(text, voiced(voice, text, _PERSON)) for text in _BACKCHANNELS]


def _piece(data: Path, file: str, start_s: float, end_s: float) -> tuple[str, np.ndarray]:
    """Return a piece of a recording, as loud as the synthesized ones."""
    whole = open_clip(data / "speech" / file).audio()
    samples = whole[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
    return f"{file} {start_s:g}-{end_s:g} s", samples * np.float32(0.5 / max(float(np.abs(samples).max()), 1e-3))


def _while_speaking(agent: Agent, voice: Voice, after_s: float, act: Callable[[Simulation], None]) -> Simulation:
    """Let the agent speak for some seconds, and then do something."""
    with Simulation(agent, voice, SETTINGS) as live:
        live.engine.add_text("I had a long day.", live.now_s)
        live.wait(0.1)
        if not live.of(ReplySentence):
            live.wait_for(ReplySentence)
        live.wait(after_s)
        act(live)
    return live


def interrupt(agent: Agent, voice: Voice, number: int, interruption: tuple[str, np.ndarray]) -> dict[str, Any]:
    """Interrupt the agent; return how long it went on, and whether the history holds what was played."""
    text, samples = interruption
    spans = SpeechDetector(0.2)
    spans.feed(np.concatenate([np.zeros(SAMPLE_RATE_HZ // 2, np.float32), samples]))
    began: list[float] = []

    def act(live: Simulation) -> None:
        began.append(live.now_s + spans.start_s - 0.5)
        live.hear(samples)
        live.wait(0.6)

    live = _while_speaking(agent, voice, 1.2 + 0.31 * number, act)
    paused = [event for event in live.of(ReplyPaused) if event.reply_id == "reply-1"]
    ended = [event for event in live.of(ReplyEnded) if event.reply_id == "reply-1"]
    if not paused or ended[0].reason != "interrupted":
        return {"interruption": text, "stopped": False}
    history = ended[0].turn.reply.split()
    played, heard = _recognized(live, agent, paused[-1].played_s, voice.sample_rate)
    return {
        "interruption": text,
        "stopped": True,
        "speech_to_silence_s": round(paused[0].at_s - began[0], 3),
        "history": " ".join(history),
        "recognized": heard,
        "words_apart": abs(len(history) - _played_by_word_times(live, voice, paused[-1].played_s)),
        "words_apart_recognized": abs(len(history) - played),
    }


def _played_by_word_times(live: Simulation, voice: Voice, played_s: float) -> int:
    """Return how many words were played by Whisper's word times, which owe nothing to the aligner of the engine.

    The sentence that was cut is synthesized again, which gives the same sound, and recognized whole; a word counts
    where more than half of it was played.
    """
    begun = [event for event in live.of(ReplySentence) if event.reply_id == "reply-1" and event.start_s < played_s]
    response = live.of(ReplyWritten)[0].response
    style = style_of(response.appraisal.strategy, response.safety)
    sound = np.concatenate(list(voice.synthesize(begun[-1].text, style)))
    segments, _ = _word_timer().transcribe(at_16_khz(sound, voice.sample_rate), "en", word_timestamps=True)
    words = [word for segment in segments for word in segment.words or ()]
    cut_s = played_s - begun[-1].start_s
    said = " ".join(word.word for word in words if (word.start + word.end) / 2 < cut_s)
    return sum(len(event.text.split()) for event in begun[:-1]) + _count_played(begun[-1].text.split(), said)


@functools.cache
def _word_timer() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(models.fetch("whisper-tiny.en")), compute_type="int8", cpu_threads=1)


def _recognized(live: Simulation, agent: Agent, played_s: float, sample_rate: int) -> tuple[int, str]:
    """Return how many words were played by recognizing the sound up to there, and what was recognized.

    The sentence that was cut is recognized by itself; those before it were played whole. The recognizer often leaves
    out a last word or two that are cut off.
    """
    begun = [event for event in live.of(ReplySentence) if event.reply_id == "reply-1" and event.start_s < played_s]
    start_s = begun[-1].start_s
    sound = live.sound("reply-1")[round(start_s * sample_rate) : round(played_s * sample_rate)]
    cut = at_16_khz(sound, sample_rate)
    speech = agent.perception.registry.get("speech")
    found = [speech.recognize_short(cut), speech.recognize_short(np.pad(cut, (0, SAMPLE_RATE_HZ // 2)), 30.0)]
    whole = sum(len(event.text.split()) for event in begun[:-1])
    sentence = begun[-1].text.split()
    return max((whole + _count_played(sentence, text), text) for text in (part.text if part else "" for part in found))


def _count_played(words: Sequence[str], heard: str) -> int:
    """Return how many words of the reply fit what was recognized best."""
    plain = [re.sub(r"[^a-z]", "", word.lower()) for word in words]
    said = [re.sub(r"[^a-z]", "", word.lower()) for word in heard.split()]
    row = list(range(len(said) + 1))
    distances = [row[-1]]
    for i, word in enumerate(plain, start=1):
        next_row = [i]
        for j, other in enumerate(said, start=1):
            next_row.append(min(row[j] + 1, next_row[-1] + 1, row[j - 1] + (word != other)))
        row = next_row
        distances.append(row[-1])
    return int(np.argmin(distances))


def backchannel(agent: Agent, voice: Voice, text: str, samples: np.ndarray) -> dict[str, Any]:
    """Say a backchannel while the agent speaks; return whether it went on."""

    def act(live: Simulation) -> None:
        live.hear(samples)
        if not live.of(ReplyEnded):
            live.wait_for(ReplyEnded, 20.0)

    live = _while_speaking(agent, voice, 1.5, act)
    ended = live.of(ReplyEnded)
    return {
        "backchannel": text,
        "goes_on": bool(ended) and ended[0].reason == "done" and ended[0].turn.reply == REPLY,
        "pauses": len(live.of(ReplyPaused)),
        "noticed": len(live.of(Backchannel)),
    }
