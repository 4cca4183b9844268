"""How the person takes the reply while they listen to it: evidence for their next turn."""

from __future__ import annotations

import re
from collections.abc import Sequence

from omnisense.agent.live.watcher import Watcher
from omnisense.perception.types import ChannelEvent, Event, OwnChannel

CHANNEL = "listening"
_WORSE = frozenset({"sad", "angry", "fearful", "disgusted"})
_LOOKS = re.compile(r"^(\S+) looks (\w+)$")
_MIN_REPLY_S = 2.0  # of a shorter reply nobody looks away
_FACING, _NOT_FACING = 0.6, 0.3


class ListenerFace:
    """Collects what the listener shows during a reply.

    Args:
        watcher: what is seen.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._events: list[ChannelEvent] = []
        self._began_s = 0.0
        self._expressions: dict[str, str] = {}

    def begin(self, now_s: float) -> None:
        """A reply begins."""
        self._events = []
        self._began_s = now_s

    def end(self, now_s: float) -> None:
        """It ends."""
        if not self._began_s or now_s - self._began_s < _MIN_REPLY_S:
            return
        before, during = (
            self._watcher.gaze_between(self._began_s - _MIN_REPLY_S, self._began_s),
            self._watcher.gaze_between(now_s - _MIN_REPLY_S, now_s),
        )
        for face in before.keys() & during.keys():
            if before[face] >= _FACING and during[face] < _NOT_FACING:
                self._add(now_s - _MIN_REPLY_S, now_s, f"{face} looked away while the agent spoke", face, 0.7)

    def notice(self, events: Sequence[Event], is_speaking: bool) -> bool:
        """Take in what was seen; return whether a face changed for the worse while the agent spoke."""
        worse = False
        for event in events:
            looks = _LOOKS.match(event.text)
            before = self._expressions.get(event.who)
            if looks:
                self._expressions[event.who] = looks[2]
            if not is_speaking:
                continue
            self._add(event.start_s, event.end_s, f"while the agent spoke, {event.text}", event.who, event.weight)
            worse |= looks is not None and looks[2] in _WORSE and before is not None and before not in _WORSE
        return worse

    def hear(self, words: str, start_s: float, end_s: float) -> None:
        """Take in a backchannel."""
        said = f'said "{words}"' if words else "made a sound"
        self._add(start_s, end_s, f"while the agent spoke, the person {said}", "", 0.4)

    def channels(self) -> tuple[OwnChannel, ...]:
        """Return it as a channel of the next turn's timeline; none where nothing was noticed."""
        events = sorted(self._events, key=lambda event: (event.start_s, event.end_s))
        return (OwnChannel(CHANNEL, tuple(events)),) if events else ()

    def _add(self, start_s: float, end_s: float, text: str, who: str, weight: float) -> None:
        self._events.append(ChannelEvent(round(start_s, 2), round(max(start_s, end_s), 2), text, weight, who))
