"""Replies to questions for advice: what is asked, by its name, and what often helps; a small model weighs nothing."""

from __future__ import annotations

import re

from omnisense.reasoning.loop.guided.asked import BARE
from omnisense.reasoning.loop.guided.knowing import answer_fact
from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, upper
from omnisense.reasoning.loop.guided.phrases import Picker, find_topics, phrases
from omnisense.reasoning.loop.guided.reading import RELATIONS, Reading
from omnisense.reasoning.loop.guided.restating import has_subject, restate, restate_about
from omnisense.reasoning.loop.guided.rewording import how_to, in_other_words, one_way, two_ways

# Something hard is to be said to somebody.
_TO_TELL = re.compile(
    r"\b(?:how|what|when) (?:do|can|could|should|would) (?:i|you|u) (?:even |actually )?(?:tell|ask|talk to"
    r"|speak (?:to|with)|bring"
    r"|say|confront|break it to|complain|mention|let (?:him|her|them) know|approach|word|put it)\b"
    r"|\bwhat i (?:should|can|could) (?:say|tell)\b|\bway to (?:say|tell|ask|refuse|decline|answer)\b",
    re.IGNORECASE,
)
_MAY = re.compile(
    r"\b(?:is|would|will) it (?:be )?(?:\w+ )?"
    r"(?:ok|okay|all ?right|rude|fine|too (?:soon|late|early|much)|mean|selfish|wrong) (?:to|if i|if we)\b"
    r"|\b(?:can|may) i (?:ask|say|tell|refuse|cancel|bring|wear|take|leave|invite)\b",
    re.IGNORECASE,
)
_MYSELF = re.compile(r"\b(?:i|i'm|i've)\b", re.IGNORECASE)
_IS_NORMAL = re.compile(
    r"\bis (?:it|that|this) (?:weird|normal|wrong|strange|bad|ok|okay)\b|\bam i (?:wrong|crazy|overreacting)\b",
    re.IGNORECASE,
)
_HOW_TO = re.compile(r"\bhow (?:do|can|should|would|could) (?:i|we|you|u)\b", re.IGNORECASE)
# Times, sums and the like: where several are to be weighed, a small model gets them wrong.
_FIGURE = re.compile(
    r"[£$€]?\d+(?:[.:,]\d+)*\b|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty"
    r"|forty|fifty)\b",
    re.IGNORECASE,
)
_MANY_FIGURES = 3
# A decision, or what somebody would do in the person's place; the rest asks for know-how.
_CHOICE = re.compile(
    r"\b(?:should|shall|ought) (?:i|we)\b|(?<!how )(?<!what )\bdo (?:i|we) (?!do\b)\w+|\bwhat would (?:you"
    r"|u) (?:do|think|say)\b"
    r"|\b(?:decide|choose|torn|whether|better for|make up my mind)\b|\bworth \w+ing\b|\bor\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(r"(?:he|she|they|it|that|this)(?:'\w+)?\b", re.IGNORECASE)
_PEOPLE = re.compile(
    r"\b(?:he|she|him|her|his|hers|people|everyone|everybody|woman|man|girl|boy|lad|mate|godmother)\b", re.IGNORECASE
)
_OURS = re.compile(rf"\b(?:my|our) (?:\w+ )?(?:{'|'.join(RELATIONS)})\b", re.IGNORECASE)
_TIPS = re.compile(r"(?:any|some) (?:tips|ideas|suggestions|recommendations) ", re.IGNORECASE)
_WHOM = {"him": "he", "her": "she", "them": "they"}


def advise(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to a question for advice."""
    section, asked = phrases()["advice"], reading.asked or reading.text
    found = find_topics(reading)
    is_about_people = bool(_PEOPLE.search(asked) or _OURS.search(asked))
    if BARE.fullmatch(asked) or asked == reading.text:
        is_about_people = bool(reading.relation or _PEOPLE.search(reading.text))
    if _TO_TELL.search(asked):
        return _to_tell(reading, asked, picker)
    has_figures = len(_FIGURE.findall(reading.text)) >= _MANY_FIGURES
    if (ways := two_ways(asked)) and not (has_figures and not is_about_people):
        said = picker.pick(section["ways"], "ways", first=ways[0], second=ways[1], First=upper(ways[0]))
        last = picker.pick(section["people" if is_about_people else "ways_ask"], "ask")
        return Composed(join(said, last), "advice: two ways")
    if _MAY.search(asked):
        return Composed(
            join(picker.pick(section["may"], "may"), picker.pick(section["may_ask"], "ask")), "advice: may I"
        )
    if _IS_NORMAL.search(asked):
        asks = found[0][0].ask if found else phrases()["feeling"]["negative"]["ask"]
        ask = picker.pick(asks, "ask", **(found[0][1] if found else {}))
        of_whom = "normal_other" if reading.relation and not _MYSELF.search(reading.text) else "normal"
        return Composed(join(picker.pick(section[of_whom], "normal"), ask), "advice: is it normal")
    if has_figures:
        return _with_figures(asked, picker)
    return _what_helps(situation, reading, asked, is_about_people, picker)


def _to_tell(reading: Reading, asked: str, picker: Picker) -> Composed:
    """Return the reply to who asks how to say something to somebody."""
    section = phrases()["advice"]
    whom = re.search(r"\b(him|her|them)\b", asked, re.IGNORECASE)
    them = whom[0].lower() if whom else reading.them
    who = {"them": them, "they": _WHOM[them]}
    way = how_to(asked)
    about = picker.pick(section["to_tell"], "about", way=way) if way else _question_about(reading, picker)
    said, ask = picker.pick(section["tell"], "tell", **who), picker.pick(section["tell_ask"], "ask", **who)
    return Composed(join(about, said, ask), "advice: to tell")


def _with_figures(asked: str, picker: Picker) -> Composed:
    """Return the reply to a choice in which times and sums are to be weighed."""
    section, named = phrases()["advice"], _named(asked)
    said = picker.pick(section["figures"], "figures", asked=named, Asked=upper(named))
    return Composed(join(said, picker.pick(section["figures_idea"], "idea")), "advice: figures")


def _what_helps(situation: Situation, reading: Reading, asked: str, is_about_people: bool, picker: Picker) -> Composed:
    """Return the reply to any other question for advice: what helps many, or which question to ask oneself."""
    section, way = phrases()["advice"], one_way(asked)
    with_idea = [(topic, filled) for topic, filled in find_topics(reading) if topic.idea]
    if with_idea and not way:
        topic, filled = with_idea[0]
        say = picker.pick(topic.say, "say", **filled)
        return Composed(join(say, topic.idea, picker.pick(topic.ask, "ask", **filled)), "advice: what helps many")
    idea = picker.pick(section["people" if is_about_people else "idea"], "idea")
    if way:
        return Composed(join(picker.pick(section["whether"], "whether", it=way), idea), "advice: whether to")
    is_choice = bool(_CHOICE.search(asked))
    if not is_choice and _HOW_TO.search(asked) and not (is_about_people and _PEOPLE.search(asked)):
        return answer_fact(situation, reading, picker)
    if _TIPS.match(asked) or not (is_about_people or is_choice):
        named = _named(asked)
        said = picker.pick(section["practical"], "practical", asked=named, Asked=upper(named))
        return Composed(join(said, picker.pick(section["practical_idea"], "idea")), "advice: practical")
    said = picker.pick(section["say"], "say")
    return Composed(join(_question_about(reading, picker), said, idea), "advice: what helps")


def _named(asked: str) -> str:
    """Return what is asked: the two ways to choose from, or else in other words or in quotes."""
    if ways := two_ways(asked):
        return f"{ways[0]}, or {ways[1]}"
    return in_other_words(asked)


def _question_about(reading: Reading, picker: Picker) -> str:
    """Return the first sentence of a reply to a question for advice: what it is about, in the person's words."""
    section = phrases()["advice"]
    told = [c.text for c in reading.clauses[:1] if has_subject(c.text) and not _POINTS_BACK.match(c.text)]
    about = next((text for text in (restate(text) or restate_about(text) for text in told) if text), "")
    if about:
        return picker.pick(section["about"], "about", Mirror=upper(about), you=about)
    named = _named(reading.asked) if reading.asked else ""
    return (
        picker.pick(section["asked"], "about", Asked=upper(named)) if named else picker.pick(section["react"], "react")
    )
