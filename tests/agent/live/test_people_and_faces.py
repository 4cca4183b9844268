"""Several people, and the listener's face, with real clips, in simulated time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.agent.live.events import ReplyEnded, ReplySentence, ReplyWritten, TurnTranscribed
from omnisense.agent.live.replying import CHECK_IN
from omnisense.agent.live.scenario import voiced
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.simulation import Simulation
from omnisense.agent.voice.base import VoiceStyle
from omnisense.agent.voice.hibari import HibariVoice
from omnisense.perception.media.clip import open_clip
from omnisense.perception.types import OwnChannel

pytestmark = [pytest.mark.slow, pytest.mark.models, pytest.mark.shared]

FIRST = "That sounds like a hard day, and I am glad that you tell me."
LONG = f"{FIRST} What happened there? I would like to hear all of it, from the beginning to the end, if you like."


def answers(perception: Any, reply: str) -> Agent:
    return Agent(ScriptedPolicy([json.dumps({"reply": reply})]), perception, None)


def test_each_turn_knows_who_spoke_and_the_one_whose_name_was_told_is_named(
    perception: Any, shared: Path, grid: list[tuple[Path, str]]
) -> None:
    voice, anna = HibariVoice(), VoiceStyle(pitch_st=2.0)
    jfk = open_clip(shared / "speech" / "jfk" / "jfk.wav")[7.8:].audio()
    turns = [
        voiced(voice, "My name is Anna, and I had a long day at the office.", anna),
        jfk,
        open_clip(next(file for file, _ in grid if file.stem == "lrwp9a")).audio(),
        voiced(voice, "I think that we should take a holiday in the summer.", anna),
        jfk,
    ]
    with Simulation(answers(perception, "That sounds nice.")) as live:
        live.wait(0.3)
        for number, samples in enumerate(turns):
            live.hear(samples)
            if len(live.of(ReplyEnded)) == number:
                live.wait_for(ReplyEnded, 10.0)
    assert [turn.speaker for turn in live.of(TurnTranscribed)] == ["Anna", "voice-2", "voice-3", "Anna", "voice-2"]
    replies = [reply.turn.reply for reply in live.of(ReplyEnded)]
    assert [reply for reply in replies if reply.startswith("Anna, ")] == [replies[3]]


def watch_a_face_fall(perception: Any, shared: Path, settings: LiveSettings) -> Simulation:
    """A woman smiles, types, and cries while the agent speaks; then she types again."""
    clip = open_clip(shared / "faces" / "WolfgangLanger_Pexels.mp4")
    with Simulation(answers(perception, LONG), HibariVoice(), settings) as live:
        live.show(clip[13.0:17.0])
        live.wait(3.5)
        live.engine.add_text("I had a long day.", live.now_s)
        live.wait_for(ReplySentence)
        live.show(clip[0.0:6.0])
        live.wait_for(ReplyEnded, 25.0)
        live.engine.add_text("It was the day when my dog died.", live.now_s)
        live.wait_for(ReplyWritten, 10.0)
    return live


def listened(live: Simulation) -> OwnChannel:
    percepts = live.of(ReplyWritten)[-1].response.percepts
    assert percepts is not None
    (channel,) = percepts.channels
    return channel


def test_a_face_that_falls_during_the_reply_is_evidence_and_ends_it_only_where_the_setting_says_so(
    perception: Any, shared: Path
) -> None:
    live = watch_a_face_fall(perception, shared, LiveSettings(check_in=True))
    first = live.of(ReplyEnded)[0]
    assert (first.reason, first.turn.reply) == ("check-in", f"{FIRST} {CHECK_IN}")
    channel = listened(live)
    assert channel.name == "listening"
    assert any("looks sad" in event.text for event in channel.events)
    without = watch_a_face_fall(perception, shared, LiveSettings())
    assert (without.of(ReplyEnded)[0].reason, without.of(ReplyEnded)[0].turn.reply) == ("done", LONG)
    assert any("looks sad" in event.text for event in listened(without).events)
