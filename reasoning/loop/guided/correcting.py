"""Replies to corrections: sorry, and what is right, in the person's words."""

from __future__ import annotations

import re

from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, say, upper
from omnisense.reasoning.loop.guided.phrases import Picker, phrases
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.guided.restating import named, restate_about
from omnisense.reasoning.loop.paraphrase import to_second_person

_LEAST = 2  # more words than these say something
_SAID = re.compile(r"(?<!n't )(?<!not )\bi said (?:that )?(?P<it>[^,.!?]+)", re.IGNORECASE)
_ASKED = re.compile(r"(?<!n't )(?<!not )\bi asked (?P<it>[^,.!?]+)", re.IGNORECASE)
_WAS = re.compile(
    r"\b(?:it|that) was (?!not\b|wrong\b)(?P<it>(?:my|our|his|her|the|in|on|at)\b[^,.!?]+)", re.IGNORECASE
)
_MEANT = re.compile(r"\bi meant (?P<it>[^,.!?]+)", re.IGNORECASE)
_INSTEAD = re.compile(r"(?:no, )?not (?:my|the|his|her|an?) [^,.!?]+[,.] ?(?:but )?(?P<it>[^,.!?]+)", re.IGNORECASE)
_NOW_FEELS = re.compile(
    r"\bi(?:'m| am| feel) (?!(?:not|the|an?|my|in|at|on|with|one|going)\b)"
    r"(?:(?:just|only|so|very|really|a bit|quite) )*(?P<now>[a-z]+)",
    re.IGNORECASE,
)


def take_correction(_: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to a correction."""
    sorry, name, text = say("correction", picker), named(reading.text), reading.text
    if name:
        return Composed(join(sorry, f"{name} it is.", "What would you like to tell me?"), "correction: name")
    told = re.sub(
        r"(?i)\b(no|nope|actually|sorry)\b[,.]\s*"
        r"|[^,.!]*\b(meant|said|say|wrong|backwards|mixed up|not what|misunderst\w+)\b[^,.!]*[,.!]?",
        "",
        text,
    )
    told = re.sub(r"(?i)^\s*(that'?s|it'?s) not [^,.]*[,.]\s*", "", told)
    feels = _NOW_FEELS.search(re.sub(r"(?i)i'?m not \w+", "", told))
    if feels and not _SAID.search(text) and not _MEANT.search(text):
        return Composed(join(sorry, f"So you feel {feels['now']}.", "What is the worst of it?"), "correction: feeling")
    put_right, about = _put_right(text, told)
    if put_right:
        advised = re.search(r"\bhow to (tell|say|ask|bring)\b", text, re.IGNORECASE)
        tell = picker.pick(phrases()["advice"]["tell"], "tell", them=reading.them, they=reading.they)
        rest = tell if advised else "Tell me more, and I will listen better."
        return Composed(join(sorry, put_right, rest), f"correction: {about}")
    return Composed(join(sorry, "How is it, in your own words?"), "correction")


def _put_right(text: str, told: str) -> tuple[str, str]:
    """Return what a correction says in a sentence, and of which form it is; empty where it says nothing.

    Args:
        text: the correction; told: the rest of it, without what only says that something was wrong.
    """
    if (said := _SAID.search(text)) and (it := restate_about(said["it"]) or _word(said["it"])):
        return (
            f"You said that {it}." if re.match(r"i\b", said["it"], re.IGNORECASE) else f"{upper(it)}, then."
        ), "said"
    if asked := _ASKED.search(text):
        return f"You asked {to_second_person(asked['it'].lower().strip())}.", "asked"
    if (was := _WAS.search(text)) and (it := restate_about(f"it was {was['it']}")):
        return f"{upper(it)}, then.", "was"
    if (meant := _MEANT.search(text)) and (it := restate_about(f"it is {meant['it']}")):
        return f"{upper(it)}, then.", "meant"
    if (instead := _INSTEAD.match(text)) and (it := restate_about(instead["it"])):
        return f"{upper(it)}, then.", "instead"
    restated = restate_about(told.strip(" ,.!")) if len(told.split()) > _LEAST else ""
    return (f"{upper(restated)}.", "fact") if restated else ("", "")


def _word(text: str) -> str:
    """Return a text of one word; else empty."""
    return text.strip() if re.fullmatch(r"\s*\w+\s*", text) else ""
