"""Who takes part in a conversation: voices that were heard, and the names they were told to have."""

from __future__ import annotations

import re
import threading

from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Missing, Transcript

_NAME = re.compile(
    r"\b(?:my (?:first |full |real )?name(?:'s| is)|call me|i go by|i'm called|i am called)\s+([A-Z][\w'-]+)",
    re.IGNORECASE,
)
# As people introduce themselves on the telephone: "this is Diane in New Jersey", "I'm Sheila, from Texas". Here the
# recognizer's capital letter tells a name from an adjective.
_INTRODUCTION = re.compile(
    r"\b(?:[Tt]his is|I'm|I am) ([A-Z][a-z]+)(?=$|[.,!;]| (?:in|from|here|speaking|calling|and|with|by)\b)"
)
_CAPITALIZED = frozenset(
    "american british english german french italian spanish irish scottish welsh russian ukrainian polish dutch "
    "swedish danish norwegian finnish greek turkish indian chinese japanese korean mexican canadian australian "
    "african asian european arab arabic israeli iranian brazilian christian catholic protestant muslim jewish hindu "
    "buddhist god "
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december christmas easter".split()
)
_NOT_NAMES = frozenset("not a an the on in at your my his her their later back when if or and".split())


def told_name(text: str) -> str:
    """Return the name by which somebody introduces themselves; empty where they do not."""
    plain = text.replace("\u2019", "'")
    found = _NAME.search(plain)
    if found and found[1].lower() not in _NOT_NAMES:
        return found[1][0].upper() + found[1][1:]
    found = _INTRODUCTION.search(plain)
    return found[1] if found and found[1].lower() not in _CAPITALIZED else ""


def _told_in(percepts: Percepts) -> list[tuple[str, str]]:
    """Return who told their name in a turn, and the name, in order."""
    if not isinstance(percepts.transcript, Transcript):
        return []
    told = [(segment.speaker, told_name(segment.text)) for segment in percepts.transcript.segments]
    return [(speaker, name) for speaker, name in told if speaker and name]


class People:
    """The voices of a session; safe to use from any thread.

    Args:
        names: by voice, where they are known already.
    """

    def __init__(self, names: dict[str, str] | None = None) -> None:
        self._names = dict(names or {})
        self._voices: dict[str, None] = {}
        self._lock = threading.Lock()

    def hear(self, percepts: Percepts | None) -> None:
        """Take in who spoke in a turn, and the names that they told of themselves."""
        if percepts is None or isinstance(percepts.audio, Missing):
            return
        with self._lock:
            self._voices |= dict.fromkeys(turn.speaker for turn in percepts.audio.speaker_turns)
            self._names |= dict(_told_in(percepts))

    def name(self, speaker: str) -> str:
        """Return the name of a voice, or the voice itself where none was told."""
        with self._lock:
            return self._names.get(speaker, speaker)

    def speaker_of(self, percepts: Percepts | None, start_s: float) -> str:
        """Return who is answered: the voice that addressed the agent.

        That is who spoke last, unless they looked away while another who spoke in the turn looked into the camera.
        """
        if percepts is None or not isinstance(percepts.audio, AudioStream) or not percepts.audio.speaker_turns:
            return ""
        turns = sorted(percepts.audio.speaker_turns, key=lambda turn: turn.end_s)
        last = turns[-1].speaker
        looks = {person.speaker: person.facing_camera for person in percepts.people if person.speaker}
        towards = [speaker for speaker, facing in looks.items() if facing is not None and facing >= 0.6]
        away = looks.get(last)
        if away is not None and away < 0.3 and len(towards) == 1:
            last = towards[0]
        told = [name for speaker, name in _told_in(percepts) if speaker == last]
        return told[-1] if told else self.name(last)

    def addressed(self, reply: str, speaker: str) -> str:
        """Return a reply that begins with the name of whom it answers, where several voices were heard."""
        with self._lock:
            is_name = speaker in self._names.values()
            several = len(self._voices) > 1
        if not (is_name and several) or re.search(rf"\b{re.escape(speaker)}\b", reply):
            return reply
        first, _, rest = reply.partition(" ")
        keeps = bool(re.match(r"I\b", first)) or not first[:1].isupper() or first[1:2].isupper()
        return f"{speaker}, {reply}" if keeps else f"{speaker}, {first[0].lower()}{first[1:]} {rest}".rstrip()
