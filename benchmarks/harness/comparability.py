"""What makes a run comparable, or not, with the published figures: its settings beside the authors' protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omnisense.benchmarks.harness.figures import ComparedSetting
from omnisense.benchmarks.harness.suite import PublishedProtocol

_SCORER = "both scores are reported; the official one is the authors'"
_AGENT = "as the agent perceives"


def compared_settings(manifest: Mapping[str, Any], protocol: PublishedProtocol | None) -> list[ComparedSetting]:
    """Return each setting of a run beside the published protocol's.

    Args:
        manifest: of the run.
        protocol: of the benchmark; None where it is not known.

    Returns:
        Nothing for a baseline, which has no prompts, or where no protocol is known.
    """
    identity = manifest["identity"]
    asked = identity.get("prompting")
    if protocol is None or asked is None:
        return []
    system = identity["system"]
    wording = "authors" if asked.get("templates") else "data" if protocol.prompts == "data" else "ours"
    is_agent = system["kind"] == "agent"
    return [
        _compared("data", data_text(manifest["data"], manifest["selection"]["questions"]), "official"),
        _compared("prompt wording", "the agent's" if is_agent else wording, protocol.prompts),
        _compared("thinking", asked["think"], protocol.think),
        *(_perceived(protocol) if is_agent and asked["media"] else _given(asked, protocol)),
        _compared("reply tokens, at most", system["max_new_tokens"], protocol.max_new_tokens),
        _compared("temperature", system["temperature"], protocol.temperature),
        ComparedSetting(name="scorer", here=_SCORER, published="official", same=True),
    ]


def _given(asked: Mapping[str, Any], protocol: PublishedProtocol) -> list[ComparedSetting]:
    """Compare the media that a policy is given."""
    if protocol.images:
        if not asked["media"]:
            return [_compared("images and sounds", "none", "given")]
        return [_compared("pixels per image, at most", asked["sampling"]["max_pixels"], protocol.max_pixels)]
    found = [
        _compared("frames", frames_rule(asked["sampling"]), protocol.frames)
        if asked["media"]
        else _compared("frames", "none", protocol.frames or "given"),
        _compared("pixels per frame, at most", asked["sampling"]["max_pixels"], protocol.max_pixels),
        _compared("sound", asked["audio"], asked["audio"] if protocol.audio == "either" else protocol.audio),
    ]
    if asked["audio"]:
        found.append(_compared("sound apart from frames", asked.get("separate_audio"), protocol.separate_audio))
    return found


def _perceived(protocol: PublishedProtocol) -> list[ComparedSetting]:
    """Compare the media of an agent, which perceives the whole clip and decides itself what its policy is shown."""
    if protocol.images:
        return [_compared("images and sounds", _AGENT, "given")]
    sound = "with and without" if protocol.audio == "either" else protocol.audio
    return [_compared("frames", _AGENT, protocol.frames), _compared("sound", _AGENT, sound)]


def data_text(data: Mapping[str, Any], asked: int) -> str:
    """Return whether a run is of the official questions, and of all of them.

    Args:
        data: with ``is_official`` and ``questions``, as in a manifest.
        asked: how many questions were asked.
    """
    total = data.get("questions") or asked
    of = "" if asked >= total else f", {asked} of {total} questions"
    return ("official" if data.get("is_official") else "not the official set") + of


def frames_rule(sampling: Mapping[str, Any]) -> str:
    """Return a sampling as ``--frames`` takes it."""
    if sampling["rule"] == "rate":
        return f"{sampling['fps']:g}fps"
    return str(sampling["count"]) if sampling["rule"] == "count" else str(sampling["rule"])


def _compared(name: str, here: object, published: object) -> ComparedSetting:
    return {
        "name": name,
        "here": _words(here),
        "published": "not stated" if published is None else _words(published),
        "same": None if published is None else _words(here) == _words(published),
    }


def _words(value: object) -> str:
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
