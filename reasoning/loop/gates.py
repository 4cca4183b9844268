"""The nodes around the reasoning: perceive the clip, and the safety gate before and after."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from omnisense.errors import MediaError
from omnisense.perception.extraction import OnStream
from omnisense.perception.media.clip import Clip
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import STREAMS, AudioStream
from omnisense.reasoning.answers.multiple_choice import find_choice
from omnisense.reasoning.loop import safety
from omnisense.reasoning.loop.appraisal import Draft, EmotionValue
from omnisense.reasoning.loop.conversation import ClipReference, Turn
from omnisense.reasoning.loop.extensions import SafetyCheck
from omnisense.reasoning.loop.guided.phrases import not_written
from omnisense.reasoning.loop.notes import find_facts
from omnisense.reasoning.loop.state import State, heard_words, spoken_words, told_words

PerceiveClip = Callable[[Clip, OnStream | None], Percepts]
_log = logging.getLogger(__name__)


def perceive(state: State, perceive_clip: PerceiveClip, on_stream: OnStream | None = None) -> State:
    """Perceive the clip.

    Raises:
        MediaError: nothing at all can be perceived in it and the person typed nothing.
    """
    clip = state["clip"]
    assert clip is not None, "the graph enters here only with a clip"
    percepts = perceive_clip(clip, on_stream)
    missing = percepts.missing()
    if not state["typed"] and len(missing) == len(STREAMS):
        raise MediaError(
            "nothing in it could be seen or heard: "
            + "; ".join(f"{name}: {reason}" for name, reason in missing.items()),
            "Give another clip.",
            clip.path,
        )
    return {"percepts": percepts}


def guard(state: State, checks: Sequence[SafetyCheck] = ()) -> State:
    """Look for risk in everything said and typed. The turn's time budget starts here, after perception."""
    words = heard_words(state)
    finding = safety.check_input(told_words(state), [turn.heard for turn in state["turns"]])
    for check in checks:
        if finding.category is None and (found := check.check_input(words)) is not None:
            finding = replace(found, injection=found.injection or finding.injection)
    if state["turns"] and (asked := state["turns"][-1]).doubtful:
        finding = safety.after_question(finding, words, asked.heard, asked.risk)
    if finding.category:
        _log.warning("safety escalation%s: %s", ", in doubt" if finding.doubtful else "", finding.category)
    return {"safety": finding, "started_s": time.monotonic()}


def care(state: State, country: str = "") -> State:
    """Answer a risk, with the help lines of a country; no model is asked."""
    reply = safety.caring_reply(state["safety"], country)
    return {
        "response": reply,
        "best": Draft(reply, "safety gate", score=1.0),
        "turns": append_turn(state, reply, "unknown"),
    }


def release(state: State, checks: Sequence[SafetyCheck] = (), country: str = "") -> State:
    """Replace an unsafe reply, and add the turn to the conversation, with the facts that the person told in it.

    Where a risk is doubtful, the reply ends with a question about it, and with the help lines of a country.
    """
    best, finding = state["best"], state["safety"]
    assert best is not None, "a reply is released only after it was checked"
    reply = best.text
    # Sentences of a composed reply that people wrote are safe, whatever they sound like beside a head's threshold.
    ours = " ".join(not_written(reply)) if best.written_by == "template" else reply
    found = (check(text) for check, text in ((safety.check_reply, ours), *((c.check_reply, reply) for c in checks)))
    harm = next((kind for kind in found if kind is not None), None)
    if harm is not None:
        _log.warning("unsafe reply replaced: %s", harm)
        finding = replace(finding, reply_replaced=harm, escalate=True)
        reply = safety.caring_reply(finding, country)
    elif _is_asked(state):
        reply = f"{reply} {safety.caring_reply(finding, country)}"
    return {
        "response": reply,
        "safety": finding,
        "turns": append_turn(state, reply, state["emotion"].value),
        "told": state["told"] or find_facts(_own_words(state)),
    }


def _is_asked(state: State) -> bool:
    """Whether the person is asked about a risk; the answer to a multiple-choice question stands alone."""
    return state["safety"].doubtful and not find_choice(state["typed"])


def _own_words(state: State) -> str:
    """Return what the person said themselves.

    Of a clip with several voices nobody knows which is theirs; a multiple-choice question is about others.
    """
    if find_choice(state["typed"]):
        return ""
    audio = state["percepts"].audio if state["percepts"] else None
    voices = {turn.speaker for turn in audio.speaker_turns} if isinstance(audio, AudioStream) else set()
    return state["typed"] if len(voices) > 1 else f"{spoken_words(state)}\n{state['typed']}"


def append_turn(state: State, reply: str, emotion: EmotionValue) -> tuple[Turn, ...]:
    """Return the conversation with this turn."""
    clip, percepts, best = state["clip"], state["percepts"], state["best"]
    as_written = best is not None and best.raw and best.text == reply
    turn = Turn(
        heard=heard_words(state),
        typed=state["typed"],
        clip=ClipReference.of(clip, percepts.clip.sha256 if percepts else "") if clip else None,
        reply=reply,
        emotion=emotion,
        risk=state["safety"].category,
        doubtful=_is_asked(state),
        asked=state["asked"] if as_written else "",
        written=best.raw if best is not None and as_written and state["asked"] else "",
        malformed=state["malformed"],
    )
    return (*state["turns"], turn)
