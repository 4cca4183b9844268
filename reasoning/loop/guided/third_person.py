"""Replies to what a person tells or asks of somebody of theirs: a friend, a parent, a colleague."""

from __future__ import annotations

import re

from omnisense.reasoning.loop.guided.events import MIXED
from omnisense.reasoning.loop.guided.parts import Composed, join, upper
from omnisense.reasoning.loop.guided.phrases import Picker, phrases, shown_valences
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.guided.restating import has_subject, restate_about
from omnisense.reasoning.loop.safety import check_reply

# Whether somebody feels or thinks something is asked, with or without a question mark.
WONDERS = re.compile(
    r"\b(?:do|d'?) ?you think (?:he|she|they|it|something|that|this)\b|\bdo you (?:think|suppose|reckon)\W*$"
    r"|(?:^|[.!?,] )(?:is|does|did|was|has|are|do|could|might) (?:he|she|they)(?= \w)"
    r"|\bwhy (?:is|does|did|was|would|are|do|has) (?:he|she|they|(?:my|our) \w+)\b",
    re.IGNORECASE,
)
# What somebody says or shows of themself that may not be so.
_SAYS_FINE = re.compile(
    r"\b(?:says?|said|insists?|claims?|swears?|tells (?:me|us|everyone|everybody)) (?:that )?(?:he|she|they)"
    r"(?:'s|'re| is| are| was)? ?(?:all |really |just |perfectly )?"
    r"(?P<word>not (?:bothered|worried|upset)|fine|ok|okay|alright|all right|good|grand|sweet as)\b"
    r"|\b(?:he|she|they)(?:'s|'re| is| are)(?: all| really)? (?P<second>fine|ok|okay|alright|all right|not bothered),?"
    r" (?:he|she|they) says?\b",
    re.IGNORECASE,
)
_LEAST = 4  # words of a clause that says something
_CLEAR, _PLAINLY = 0.1, 0.2  # sentiment of a clause that carries a feeling, and of one that shows it plainly


def says_fine(reading: Reading, picker: Picker) -> Composed | None:
    """Return the reply to somebody's "I'm fine" that the person doubts; None where nothing like it is told."""
    found = _SAYS_FINE.search(reading.text.replace("\u2019", "'"))
    if not found:
        return None
    others = [c.text for c in reading.clauses if not _SAYS_FINE.search(c.text) and len(c.text.split()) >= _LEAST]
    restated = next((text for text in map(restate_about, filter(has_subject, others)) if text), "")
    they = (
        reading.they if reading.relation else (re.search(r"\b(he|she|they)\b", found[0], re.IGNORECASE) or ["they"])[0]
    )
    section, word = phrases()["says fine"], found["word"] or found["second"]
    seen = f"{upper(restated)}." if restated and not check_reply(f"{upper(restated)}.") else ""
    says = "say" if they.lower() == "they" else "says"
    said = picker.pick(section["say"], "say", They=upper(they.lower()), says=says, word=word)
    return Composed(join(seen, said, picker.pick(section["ask"], "ask")), "third person: says fine")


def third_person(reading: Reading, picker: Picker) -> Composed | None:
    """Return the reply to what is told of somebody of theirs; None where no clause about them can be said again."""
    clause = next((c for c in reading.clauses if re.search(rf"\b{reading.relation}", c.text, re.IGNORECASE)), None)
    restated = restate_about(clause.text) if clause else ""
    if not clause or not restated or len(clause.text.split()) < _LEAST or check_reply(f"{upper(restated)}."):
        return None  # what may be read as harm out of its context would be left out of the reply
    shown, section = shown_valences(clause.text), phrases()["third"]
    is_glad = reading.valence == "positive" and not re.search(r"\bi\b", reading.text, re.IGNORECASE)
    is_good = (clause.sentiment >= _PLAINLY or is_glad) and shown != {"negative"}
    is_good |= "positive" in shown and clause.sentiment > -_CLEAR
    is_told = bool(reading.event) and reading.lean == "positive"
    if is_told or (is_good and reading.lean != "negative" and reading.event != MIXED):
        tone = "positive"
    else:
        is_bad = reading.lean == "negative" or clause.sentiment <= -_CLEAR or shown == {"negative"}
        tone = "negative" if is_bad else "neutral"
    who = {"them": reading.them, "they": reading.they}
    if tone == "positive":
        who["them"] = f"your {reading.relation}"
    said = picker.pick(section[tone], "say", you=restated, Mirror=upper(restated), **who)
    return Composed(join(said, picker.pick(section[f"{tone}_ask"], "ask", **who)), f"third person: {tone}")


def wondered(reading: Reading, picker: Picker) -> Composed:
    """Return the reply to a question about what somebody of theirs feels or why they do something."""
    clause = next((c for c in reading.clauses if not WONDERS.search(c.text)), None)
    restated = restate_about(clause.text) if clause and has_subject(clause.text) else ""
    section, who = phrases()["wondered"], {"them": reading.them, "they": reading.they, "relation": reading.relation}
    noticed = (
        picker.pick(section["noticed"], "noticed", you=restated, Mirror=upper(restated), **who) if restated else ""
    )
    said, ask = picker.pick(section["say"], "say", **who), picker.pick(section["ask"], "ask", **who)
    return Composed(join(noticed, said, ask), "third person: asked")
