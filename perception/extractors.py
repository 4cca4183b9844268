"""Extractors of your own: each adds a channel to the timeline.

An extractor is a class with a name, a version and a method, given as ``Perception(extractors=[...])``; an example is in
``examples/own_extractor.py``. It runs beside the built-in ones. Its events are in :meth:`omnisense.Percepts.timeline`,
in the rendered text and in the JSON form, and count for :meth:`omnisense.Sampling.moments`.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from omnisense.errors import InputError, OmniSenseError
from omnisense.perception.media.clip import Clip
from omnisense.perception.types import CHANNELS, STREAMS, ChannelEvent, Missing, OwnChannel

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_log = logging.getLogger(__name__)


class Extractor(Protocol):
    """What perception requires of an extractor.

    Attributes:
        name: of its channel: lower-case letters, digits, ``_`` and ``-``.
        version: part of the key under which percepts are cached; change it whenever the results change.
    """

    name: str
    version: str

    def extract(self, clip: Clip) -> Iterable[ChannelEvent]:
        """Return the events of a clip, with times in seconds from its start.

        Called in a thread of its own, for several clips at once where several are perceived. An exception costs this
        channel only: the percepts then hold the reason.
        """
        ...


def check_extractors(extractors: Sequence[Extractor]) -> tuple[Extractor, ...]:
    """Return the extractors as a tuple.

    Raises:
        InputError: a name or version is missing or not a text, a name is not as it must be, taken by a built-in
            channel, or given twice.
    """
    taken = {*CHANNELS, *STREAMS}
    for extractor in extractors:
        name, version = (getattr(extractor, field, None) for field in ("name", "version"))
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not isinstance(version, str):
            raise InputError(
                f"the extractor {type(extractor).__name__} has the name {name!r} and the version {version!r}",
                'Give it attributes such as name = "brightness" and version = "1".',
            )
        if name in taken:
            raise InputError(f"the channel '{name}' exists already", "Give the extractor another name.")
        taken.add(name)
    return tuple(extractors)


def run_extractor(extractor: Extractor, clip: Clip) -> OwnChannel:
    """Return the channel of an extractor; its fault is the channel's ``missing``."""
    try:
        events = tuple(_checked(event, clip) for event in extractor.extract(clip))
        return OwnChannel(extractor.name, tuple(sorted(events, key=lambda event: (event.start_s, event.end_s))))
    except Exception as error:  # whatever a user's class raises must not cost the other channels
        _log.warning("the extractor %s failed", extractor.name, exc_info=True)
        reason = str(error) if isinstance(error, OmniSenseError) else f"{type(error).__name__}: {error}"
        return OwnChannel(extractor.name, missing=Missing(f"the extractor failed ({reason})", temporary=True))


def _checked(event: ChannelEvent, clip: Clip) -> ChannelEvent:
    """Return an event with its text on one line and its end within the clip.

    Raises:
        ValueError: it does not lie in the clip, or its weight is not from 0 to 1.
    """
    end_s = min(event.end_s, clip.duration_s)
    if not (math.isfinite(event.end_s) and 0 <= event.start_s <= end_s and 0 <= event.weight <= 1):
        raise ValueError(
            f"an event from {event.start_s} to {event.end_s} s with weight {event.weight} "
            f"does not fit a clip of {clip.duration_s:.2f} s and weights from 0 to 1"
        )
    return replace(event, end_s=end_s, text=" ".join(event.text.split()))
